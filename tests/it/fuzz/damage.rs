//! Octets damaged at random, in ways that parsers meet: cut, doubled, swapped, spliced, with words of their language.

/// Octets that mean something to some parser.
const MARKS: &[u8] = b"\0\r\n\t <>\"'=;:,.@()[]\\-_?&%\x7f\x80\xc0\xff";

pub(super) struct Damage<'a> {
    state: u64,
    words: &'a [&'a str],
}

impl<'a> Damage<'a> {
    pub(super) fn new(seed: u64, words: &'a [&'a str]) -> Self {
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, words }
    }

    /// A number below `end` (xorshift64).
    fn below(&mut self, end: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state % end.max(1) as u64) as usize
    }

    /// One of the seeds, damaged one to eight times.
    pub(super) fn one_of(&mut self, seeds: &[Vec<u8>], bytes_max: usize) -> Vec<u8> {
        let mut octets = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(8) {
            self.once(&mut octets, seeds);
            octets.truncate(bytes_max);
        }
        octets
    }

    fn once(&mut self, octets: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let (at, end) = self.stretch(octets.len());
        match self.below(8) {
            0 => octets.truncate(at),
            1 => drop(octets.drain(at..end)),
            2 => {
                let again = octets[at..end].to_vec();
                drop(octets.splice(at..at, again));
            }
            3 => octets[at..end].reverse(),
            4 if at < octets.len() => octets[at] ^= 1 << self.below(8),
            5 if at < octets.len() => octets[at] = MARKS[self.below(MARKS.len())],
            6 => {
                let other = &seeds[self.below(seeds.len())];
                let (from, to) = self.stretch(other.len());
                drop(octets.splice(at..end, other[from..to].iter().copied()));
            }
            _ => {
                let word = self.words[self.below(self.words.len())];
                drop(octets.splice(at..at, word.bytes()));
            }
        }
    }

    /// A stretch of so many octets, mostly a short one.
    fn stretch(&mut self, length: usize) -> (usize, usize) {
        let at = self.below(length + 1);
        let longest = if self.below(4) == 0 { 4_096 } else { 64 };
        (at, (at + self.below(longest)).min(length))
    }
}
