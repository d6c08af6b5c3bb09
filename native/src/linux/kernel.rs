//! What is known to be wrong with the kernel that runs (data-plane.md §2.6).

use std::fs;

/// Large sends whose datagrams are all of one length arrive spoiled with some drivers: torvalds/linux b10b446, fixed by
/// 78effd8 and 5f17ae0 (tailscale#19777).
pub fn spoils_equal_segments() -> bool {
    fs::read_to_string("/proc/sys/kernel/osrelease").is_ok_and(|release| is_spoiling(&release))
}

fn is_spoiling(release: &str) -> bool {
    let mut numbers = release.split(['.', '-', '+']).map(|part| part.trim().parse::<u32>().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    let version = (next(), next(), next());
    ((7, 0, 0)..=(7, 1, 4)).contains(&version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_that_spoil_are_those_from_7_0_0_to_7_1_4() {
        for (release, is_so) in [
            ("6.18.44-fc-v669\n", false),
            ("7.0.0-rc1\n", true),
            ("7.0-rc1", true),
            ("7.0.12-arch1-1\n", true),
            ("7.1.4+deb14-amd64\n", true),
            ("7.1.4-generic\n", true),
            ("7.1.5\n", false),
            ("7.2.0-rc3\n", false),
            ("17.0.0\n", false),
            ("", false),
        ] {
            assert_eq!(is_spoiling(release), is_so, "{release}");
        }
    }
}
