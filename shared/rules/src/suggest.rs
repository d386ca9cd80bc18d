/// The candidate that a mistyped word was probably meant to be.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase().replace('-', "_");
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&lower, candidate), candidate))
        .filter(|(distance, candidate)| {
            let length = candidate.len().max(lower.len());
            let is_part = |whole: &str, part: &str| part.len() >= 3 && whole.split('_').any(|word| word == part);
            *distance * 3 <= length || is_part(candidate, &lower) || is_part(&lower, candidate)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `, did you mean …?`, or all the candidates where none is near.
pub(crate) fn hint(word: &str, candidates: &[&str]) -> String {
    match nearest(word, candidates.iter().copied()) {
        Some(near) => format!(", did you mean `{near}`?"),
        None if candidates.is_empty() => String::new(),
        None => format!(", expected {}", one_of(candidates)),
    }
}

/// `a`, `b` or `c`.
pub(crate) fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_suggested_and_no_far_one() {
        let words = ["partition_by", "mode", "max_file_bytes", "bad_rows"];
        assert_eq!(nearest("partitoin_by", words), Some("partition_by"));
        assert_eq!(nearest("partition", words), Some("partition_by"));
        assert_eq!(nearest("Bad-Rows", words), Some("bad_rows"));
        assert_eq!(nearest("zebra", words), None);
    }

    #[test]
    fn where_nothing_is_near_all_are_named() {
        assert_eq!(hint("x", &["drop", "flag", "keep"]), ", expected `drop`, `flag` or `keep`");
        assert_eq!(hint("dorp", &["drop", "flag"]), ", did you mean `drop`?");
    }
}
