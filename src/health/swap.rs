//! Where this machine swaps to, judged from what the kernel says of it.

use call::conditions::Swap;

/// A block device, as far as it matters whether what is written to it can be read without a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Device {
    /// Whether it is memory, compressed (zram).
    pub(crate) is_memory: bool,
    /// The device mapper's name for its kind (`dm/uuid`), where it is one of its devices.
    pub(crate) mapping: Option<String>,
    /// The devices that it lies on, or writes to besides.
    pub(crate) below: Vec<Device>,
}

/// The paths in `/proc/swaps`, of partitions and files alike, with the kernel's escapes undone.
pub(crate) fn paths(swaps: &str) -> Vec<String> {
    let first = |line: &str| line.split_whitespace().next().map(unescaped);
    swaps.lines().skip(1).filter_map(first).collect()
}

/// Undoes `\040` and its like.
fn unescaped(path: &str) -> String {
    let mut parts = path.split('\\');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(code) => {
                text.push(char::from(code));
                text.push_str(&part[3..]);
            }
            None => {
                text.push('\\');
                text.push_str(part);
            }
        }
    }
    text
}

/// What it comes to, of everything that is swapped to; `None` stands for a place of which nothing can be told.
pub(crate) fn judge(devices: &[Option<Device>]) -> Swap {
    if devices.is_empty() {
        return Swap::Off;
    }
    let are_sealed = devices.iter().all(|device| device.as_ref().is_some_and(is_sealed));
    if are_sealed { Swap::Sealed } else { Swap::Clear }
}

/// Memory that writes nothing out, encrypted, or on nothing but what is.
fn is_sealed(device: &Device) -> bool {
    if device.mapping.as_deref().is_some_and(is_encryption) {
        return true;
    }
    let is_above_sealed = device.below.iter().all(is_sealed);
    is_above_sealed && (device.is_memory || !device.below.is_empty())
}

/// Whether a mapping encrypts. Verity and integrity share the prefix of dm-crypt and do not.
fn is_encryption(mapping: &str) -> bool {
    mapping.strip_prefix("CRYPT-").is_some_and(|kind| !kind.starts_with("VERITY") && !kind.starts_with("INTEGRITY"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(mapping: &str, below: Vec<Device>) -> Device {
        Device { is_memory: false, mapping: Some(mapping.to_owned()), below }
    }

    #[test]
    fn the_kernel_s_list_is_read_with_its_escapes() {
        let swaps = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n\
                     /dev/dm-1                               partition\t8388604\t\t0\t\t-2\n\
                     /mnt/a\\040file\\134x                    file\t\t1048572\t\t0\t\t-3\n";
        assert_eq!(paths(swaps), ["/dev/dm-1", "/mnt/a file\\x"]);
        assert!(paths("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n").is_empty());
    }

    #[test]
    fn swap_is_sealed_only_where_every_place_of_it_is() {
        let disk = Device::default();
        let crypt = mapped("CRYPT-LUKS2-0123456789abcdef-swap", vec![disk.clone()]);
        let volume = mapped("LVM-abcdef", vec![crypt.clone()]);
        let zram = Device { is_memory: true, ..Device::default() };
        let sealed = [crypt.clone(), volume.clone(), zram.clone()];
        let clear = [
            disk.clone(),
            mapped("LVM-abcdef", vec![disk.clone()]),
            mapped("LVM-abcdef", vec![crypt, disk.clone()]),
            mapped("CRYPT-VERITY-abcdef-root", vec![disk.clone()]),
            Device { below: vec![disk], ..zram.clone() },
        ];
        assert_eq!(judge(&[]), Swap::Off);
        assert_eq!(judge(&sealed.map(Some)), Swap::Sealed);
        for device in clear {
            assert_eq!(judge(&[Some(zram.clone()), Some(device.clone())]), Swap::Clear, "{device:?}");
        }
        assert_eq!(judge(&[Some(volume), None]), Swap::Clear, "what cannot be told counts as in clear");
        assert_eq!(judge(&[Some(Device { below: vec![zram.clone()], ..zram })]), Swap::Sealed);
    }
}
