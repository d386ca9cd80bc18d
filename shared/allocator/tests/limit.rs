//! In a process of its own, which has no other thread that allocates.
#![cfg(all(target_os = "linux", target_env = "gnu"))]
#![allow(clippy::unwrap_used)]

use std::{fs::File, hint::black_box, io::Read};

use cleanzone_allocator::{limit, of_function};

const MIB: usize = 1 << 20;

/// MiB of memory that the process holds. To ask takes none: what lies at the end of a heap would keep it from being cut.
fn resident() -> usize {
    let mut buffer = [0; 4096];
    let read = File::open("/proc/self/status").and_then(|mut file| file.read(&mut buffer)).unwrap();
    let mut lines = str::from_utf8(&buffer[..read]).unwrap().lines();
    let held = lines.find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")).unwrap();
    held.parse::<usize>().unwrap() / 1024
}

fn pieces(count: usize, bytes: usize) -> Vec<Vec<u8>> {
    (0..count).map(|_| black_box(vec![1; bytes])).collect()
}

#[test]
fn what_is_given_back_goes_back_to_the_system() {
    limit(&of_function(1));
    // Without limits, this has glibc keep twice as much from now on.
    drop(pieces(1, 24 * MIB));
    let before = resident();
    let held = pieces(400, 100 << 10);
    assert!(resident() >= before + 35, "{} MiB, {before} MiB before", resident());
    drop(held);
    assert!(resident() <= before + 6, "{} MiB, {before} MiB before", resident());
}
