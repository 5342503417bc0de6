// Runs every case against the desk at BASE, or those whose names hold ONLY, and ends with `done`.

import { Suite } from './harness.mjs';
import * as accessibility from './cases/accessibility.mjs';
import * as api from './cases/api.mjs';
import * as chaos from './cases/chaos.mjs';
import * as continuity from './cases/continuity.mjs';
import * as drain from './cases/drain.mjs';
import * as faces from './cases/faces.mjs';
import * as forms from './cases/forms.mjs';
import * as identity from './cases/identity.mjs';
import * as inert from './cases/inert.mjs';
import * as hours from './cases/hours.mjs';
import * as network from './cases/network.mjs';
import * as required from './cases/required.mjs';
import * as rtl from './cases/rtl.mjs';
import * as spaces from './cases/spaces.mjs';
import * as talk from './cases/talk.mjs';
import * as tickets from './cases/tickets.mjs';

const only = process.env.ONLY ?? '';
const suite = await Suite.start();
const failed = [];
let count = 0;
// What needs a configuration of its own runs alone.
const alone = { spaces: [spaces], hours: [hours, rtl], required: [required], drain: [drain] };
const groups = alone[process.env.GROUP] ?? [talk, faces, forms, tickets, identity, api, network, continuity, chaos, inert, accessibility];
for (const group of groups) {
  for (const [name, test] of Object.entries(group)) {
    if (!name.includes(only)) continue;
    const begun = Date.now();
    count += 1;
    let fault = null;
    try {
      await test(suite);
    } catch (error) {
      fault = error;
    }
    // Even a failed case leaves nothing behind for the next one.
    await suite.clean().catch((error) => (fault ??= error));
    console.log(`${fault ? 'FAILED' : 'ok'} ${name} (${Date.now() - begun} ms)`);
    if (fault) {
      console.log(fault.stack ?? fault);
      failed.push(name);
    }
  }
}
await suite.end();
console.log(`${count} cases, ${failed.length} failed${failed.length ? `: ${failed.join(', ')}` : ''}`);
if (failed.length === 0 && count > 0) console.log('done');
process.exit(failed.length || count === 0 ? 1 : 0);
