//! How a table of codes becomes the type.

macro_rules! codes {
    ($($name:ident = $number:literal, $title:literal, $cause:literal, $remedy:literal, $example:literal;)+) => {
        /// A stable error code, shown as `VS-nnnn`. A number is never given a second meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $title] $name = $number,)+
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// What happened, in one phrase.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }

            /// Why it happens.
            #[must_use]
            pub const fn cause(self) -> &'static str {
                match self { $(Self::$name => $cause,)+ }
            }

            /// What to do.
            #[must_use]
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy,)+ }
            }

            /// What such an error says, behind its code; more lines name causes. `None` where no part raises it yet.
            #[must_use]
            pub const fn example(self) -> Option<&'static str> {
                let example = match self { $(Self::$name => $example,)+ };
                if example.is_empty() { None } else { Some(example) }
            }

            /// The number behind `VS-`.
            #[must_use]
            pub const fn number(self) -> u16 {
                match self { $(Self::$name => $number,)+ }
            }
        }
    };
}
