use super::*;

fn sniff(text: &str) -> Sniffed {
    dialect(text.as_bytes(), true, &DialectOverrides::default()).unwrap()
}
