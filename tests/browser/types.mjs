// Ticket types the cases share.

const attribute = (suite, type, fields) => suite.agent.call('POST', `/ticket_types/${type}/attributes`, { description: 'd', visible_to_contacts: true, required_to_create: false, visible_on_create: true, ...fields });

/** A Customer type that asks for one of everything. */
export const everything = async (suite, name) => {
  const type = await suite.agent.call('POST', '/ticket_types', { name, icon: '📦', category: 'Customer' });
  await attribute(suite, type.id, { name: 'Order', data_type: 'string', required_to_create_for_contacts: true });
  await attribute(suite, type.id, { name: 'Story', data_type: 'string', multiline: true });
  await attribute(suite, type.id, { name: 'Pieces', data_type: 'integer', required_to_create_for_contacts: true });
  await attribute(suite, type.id, { name: 'Weight', data_type: 'decimal' });
  await attribute(suite, type.id, { name: 'Opened', data_type: 'boolean' });
  await attribute(suite, type.id, { name: 'Arrived', data_type: 'datetime' });
  await attribute(suite, type.id, { name: 'Colour', data_type: 'list', list_items: 'Red,Green' });
  await attribute(suite, type.id, { name: 'Photos', data_type: 'files', allow_multiple_values: true });
  await attribute(suite, type.id, { name: 'Inner', data_type: 'string', visible_to_contacts: false });
  return type;
};
