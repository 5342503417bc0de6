// The language of everything the widget itself says. Texts of a language are fetched when it is chosen; what one lacks is English.

import en from './texts/en.js';

const KNOWN = ['en', 'de', 'fr', 'es', 'ja', 'ar'];

let texts = en;
let tag = 'en';

const valid = (wanted) => {
  try {
    return Intl.getCanonicalLocales(String(wanted))[0] ?? null;
  } catch {
    return null;
  }
};

/** Chooses by the first of the wanted languages that is a language at all; texts follow if there are any. */
export const choose = async (...wanted) => {
  tag = wanted.filter(Boolean).map(valid).find(Boolean) ?? 'en';
  const language = tag.split('-')[0];
  texts = language !== 'en' && KNOWN.includes(language) ? { ...en, ...(await import(`./texts/${language}.js`)).default } : en;
  document.documentElement.lang = KNOWN.includes(language) ? tag : 'en';
  document.documentElement.dir = /^(ar|he|fa|ur|yi|ps|sd|ckb|dv|ug)$/.test(language) ? 'rtl' : 'ltr';
};

/** A text with its `{names}` filled in; of a plural one the form for `n`. */
export const t = (key, values = {}) => {
  let text = texts[key] ?? key;
  if (typeof text === 'object') text = text[new Intl.PluralRules(tag).select(values.n)] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (all, name) => String(values[name] ?? all));
};

const CLOCK = { hour: 'numeric', minute: '2-digit' };
/** `3:05 PM` today, the weekday within a week, else the date; of a moment to come the time of the day as well. */
export const shortTime = (seconds) => {
  const date = new Date(seconds * 1_000);
  const days = (Date.now() - date.getTime()) / 86_400_000;
  const today = new Date().toDateString() === date.toDateString();
  const day = Math.abs(days) < 6 ? { weekday: 'short' } : { day: 'numeric', month: 'short' };
  return new Intl.DateTimeFormat(tag, today ? CLOCK : days < 0 ? { ...day, ...CLOCK } : day).format(date);
};
export const clockTime = (seconds) => new Intl.DateTimeFormat(tag, CLOCK).format(new Date(seconds * 1_000));
export const dayName = (seconds) => {
  const date = new Date(seconds * 1_000);
  const apart = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(date).setHours(0, 0, 0, 0)) / 86_400_000);
  if (apart <= 1 && apart >= 0) return new Intl.RelativeTimeFormat(tag, { numeric: 'auto' }).format(-apart, 'day');
  return new Intl.DateTimeFormat(tag, { weekday: 'long', day: 'numeric', month: 'long' }).format(date);
};
export const dateTime = (seconds) => new Intl.DateTimeFormat(tag, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(seconds * 1_000));
export const fileSize = (bytes) => {
  const [value, unit] = bytes < 1_000 ? [bytes, 'byte'] : bytes < 1_000_000 ? [bytes / 1_000, 'kilobyte'] : [bytes / 1_000_000, 'megabyte'];
  return new Intl.NumberFormat(tag, { style: 'unit', unit, unitDisplay: 'short', maximumFractionDigits: value < 10 && unit !== 'byte' ? 1 : 0 }).format(value);
};
/** `5 minutes`, `2 hours`, `3 days`: the largest unit that fits. */
export const duration = (seconds) => {
  const [unit, lasts] = [['day', 86_400], ['hour', 3_600], ['minute', 60]].find(([, fits]) => seconds >= fits) ?? ['minute', 60];
  return new Intl.NumberFormat(tag, { style: 'unit', unit, unitDisplay: 'long' }).format(Math.ceil(seconds / lasts));
};
export const number = (value) => new Intl.NumberFormat(tag).format(value);
