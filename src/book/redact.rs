//! `Debug` for what is personal: the type's name and nothing else.

/// Implements `Debug` so that it shows only the name of the type.
macro_rules! redacted_debug {
    ($($type:ty),+ $(,)?) => {
        $(impl std::fmt::Debug for $type {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.debug_struct(stringify!($type)).finish_non_exhaustive()
            }
        })+
    };
}

pub(crate) use redacted_debug;
