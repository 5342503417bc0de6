// Two soft tones, made here: no file to fetch.

let context;

export const chime = () => {
  try {
    context ??= new AudioContext();
    if (context.state === 'suspended') return;
    const start = context.currentTime;
    for (const [at, pitch] of [[0, 660], [0.11, 880]]) {
      const tone = context.createOscillator();
      const volume = context.createGain();
      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(0.0001, start + at);
      volume.gain.exponentialRampToValueAtTime(0.06, start + at + 0.015);
      volume.gain.exponentialRampToValueAtTime(0.0001, start + at + 0.32);
      tone.connect(volume).connect(context.destination);
      tone.start(start + at);
      tone.stop(start + at + 0.34);
    }
  } catch {
    // Without sound the badge says it.
  }
};
