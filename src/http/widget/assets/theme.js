// Colours of the brand, made readable: whatever is chosen, text on it and links in it keep the contrast of WCAG 2.2 (1.4.3).

const CONTRAST_MIN = 4.5;
const FALLBACK = '#1f5fd0';

const channels = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
const toHex = (rgb) => `#${rgb.map((value) => Math.round(value).toString(16).padStart(2, '0')).join('')}`;

/** `#rrggbb` of a colour as pages write it, or nothing. */
export const parsed = (colour) => {
  const text = typeof colour === 'string' ? colour.trim().toLowerCase() : '';
  if (/^#[0-9a-f]{6}$/.test(text)) return text;
  if (/^#[0-9a-f]{3}$/.test(text)) return `#${Array.from(text.slice(1), (digit) => digit + digit).join('')}`;
  return null;
};

const luminance = (hex) => {
  const [red, green, blue] = channels(hex).map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};

/** The ratio of WCAG 2.2. */
export const contrast = (one, other) => {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
};

/** Black or white, whichever reads better. */
export const onto = (colour) => (contrast(colour, '#ffffff') >= CONTRAST_MIN ? '#ffffff' : contrast(colour, '#10151d') >= contrast(colour, '#ffffff') ? '#10151d' : '#ffffff');

/** The colour, moved towards black or white until it can be read on `ground`. */
export const readable = (colour, ground) => {
  const target = luminance(ground) > 0.4 ? 0 : 255;
  let mixed = colour;
  for (let step = 1; contrast(mixed, ground) < CONTRAST_MIN && step <= 20; step += 1) {
    mixed = toHex(channels(colour).map((value) => value + ((target - value) * step) / 20));
  }
  return mixed;
};

/** Sets the custom properties that the style sheets use. */
export const applyTheme = (settings) => {
  const action = parsed(settings.action_color) ?? FALLBACK;
  const header = parsed(settings.background_color) ?? action;
  const set = (name, value) => document.documentElement.style.setProperty(name, value);
  set('--action', action);
  set('--on-action', onto(action));
  set('--header', header);
  set('--on-header', onto(header));
  set('--link-light', readable(action, '#f1f3f6'));
  set('--link-dark', readable(action, '#2a323e'));
  return { action, onAction: onto(action) };
};
