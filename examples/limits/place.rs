//! The same pieces in order and at random places of a file (idea 2), to the disk and back from it.
//!
//! Always true: each piece has its place, and each place its piece; only the order differs. What is written counts when
//! fdatasync(2) has returned. What is read was dropped from the page cache before.

use std::fs::File;
use std::os::unix::fs::FileExt;

use sendlog::os::fadvise::drop_pages;

use crate::clock::Clock;
use crate::Result;

pub struct Place<'a> {
    pub file: &'a File,
    pub piece: usize,
    pub pieces: u64,
    pub at_random: bool,
}

impl Place<'_> {
    pub fn write(&self) -> Result<String> {
        let bytes = vec![b'x'; self.piece];
        let places = self.places();
        let mut clock = Clock::start()?;
        for place in places {
            self.file.write_all_at(&bytes, place)?;
            clock.moved(bytes.len());
        }
        self.file.sync_data()?;
        clock.line()
    }

    pub fn read(&self) -> Result<String> {
        Place { at_random: false, ..*self }.write()?;
        drop_pages(self.file);
        let mut bytes = vec![0; self.piece];
        let places = self.places();
        let mut clock = Clock::start()?;
        for place in places {
            self.file.read_exact_at(&mut bytes, place)?;
            clock.moved(bytes.len());
        }
        clock.line()
    }

    /// Where each piece goes: a Fisher-Yates shuffle, the same one in each run.
    fn places(&self) -> Vec<u64> {
        let mut places: Vec<u64> = (0..self.pieces).map(|index| index * self.piece as u64).collect();
        let mut random: u64 = 1;
        for index in (1..places.len()).rev().take_while(|_| self.at_random) {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            places.swap(index, ((random >> 33) % (index as u64 + 1)) as usize);
        }
        places
    }
}
