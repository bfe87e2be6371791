//! Identifiers that look like AWS's and are the same in every run.

/// A source of identifiers. Two sources give the same sequence.
#[derive(Clone, Debug, Default)]
pub struct Ids {
    drawn: u64,
}

impl Ids {
    /// Draws 64 well-mixed bits (`SplitMix64`), so that identifiers do not look like a count.
    fn draw(&mut self) -> u64 {
        self.drawn += 1;
        let mut bits = self.drawn.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// 32 hexadecimal digits, as in a task's ARN.
    pub fn hex(&mut self) -> String {
        format!("{:016x}{:016x}", self.draw(), self.draw())
    }

    /// A UUID, as in event and request ids.
    pub fn uuid(&mut self) -> String {
        let (high, low) = (self.draw(), self.draw());
        format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 48 & 0xfff,
            low & 0xffff_ffff_ffff
        )
    }

    /// 19 decimal digits without a leading zero, as in `ecs-svc/1234567890123456789`.
    pub fn digits(&mut self) -> String {
        (1_000_000_000_000_000_000 + self.draw() % 8_000_000_000_000_000_000).to_string()
    }

    /// `PREFIX-` and 21 characters, as in a service deployment's id.
    pub fn short(&mut self) -> String {
        self.hex().chars().take(21).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Ids;

    #[test]
    fn two_sources_draw_the_same_and_one_never_draws_twice_the_same() {
        let (mut one, mut other) = (Ids::default(), Ids::default());
        let drawn: Vec<_> = (0..1000).map(|_| one.digits()).collect();
        assert!(drawn.iter().all(|id| id.len() == 19 && *id == other.digits()));
        assert_eq!(drawn.iter().collect::<std::collections::BTreeSet<_>>().len(), 1000);
        assert_eq!(one.uuid().len(), 36);
    }
}
