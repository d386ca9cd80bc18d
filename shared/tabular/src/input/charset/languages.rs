//! How frequent letters are in languages: what tells sets apart that have letters at the same places.

use std::collections::HashMap;

/// A letter and its weight, a letter and its weight, …: of the letters beyond ASCII, how many of a thousand are this one.
pub(super) type Language = &'static str;

const GERMAN: Language = "ü300ä300ö150ß160é15";
const FRENCH: Language = "é550è120à130ê60ç40ô25â15î15û15ù15ï6œ10ë5";
const SPANISH: Language = "ó290í260á190é150ñ95ú60ü5";
const PORTUGUESE: Language = "ã250ç160é130á120í90ó80ê60õ50ú30â25à15ô15";
const ITALIAN: Language = "à330è320ù130ò130é60ì60";
const CATALAN: Language = "à200é150è130ó180í120ç70ú50ò60ï20ü10";
const DUTCH: Language = "ë500é250ï120è60ö40ü30";
const SWEDISH: Language = "ä420å330ö250é8";
const FINNISH: Language = "ä830ö120å10š25ž15";
const DANISH: Language = "å370ø330æ280é10";
const ICELANDIC: Language = "á150ð200í120þ70æ60ö80ó90é60ú60ý30";
const IRISH: Language = "í200é180á250ó170ú140";
const ESTONIAN: Language = "ä370õ310ü220ö80š10ž5";
const POLISH: Language = "ł240ą120ę130ó120ż100ś90ć50ń45ź15";
const CZECH: Language = "í190á150ě110é90ř85č80ž75š70ý70ů40ú15ň12ť6ď4ó4";
const SLOVAK: Language = "á200í130ý100č110é90š80ž80ú90ľ40ť40ô25ä15ň20ó10ď10ŕ2ĺ2";
const HUNGARIAN: Language = "á320é300ö95ó95ő85í60ü50ú35ű15";
const ROMANIAN: Language = "ă400î160ţ150ş160â120";
const CROATIAN: Language = "č300š280ž200ć170đ60";
const SLOVENE: Language = "č400š370ž230";
const TURKISH: Language = "ı290ü110ş110ç65ğ75ö60İ40â5î3";
const LITHUANIAN: Language = "ė180š150ų150ž90ą80į80ū60č50ę40";
const LATVIAN: Language = "ā350ī180ē150š100ū60ņ50ļ40ž30č20ķ20ģ15";
const VIETNAMESE: Language = "đ100â60ê60ô90ơ60ư90ă30á40à50í20ú15é5ó20ý5";
const RUSSIAN: Language = "о110е85а80и74н67т63с55р47в45л44к35м32д30п28у26я20ы19ь17г17з16б16ч14й12х10ж9ш7ю6ц5щ4э3ф3ё2ъ1";
const UKRAINIAN: Language =
    "о94а72и61і57н65в55т55е49р47с41л38к35у33д31м31п29з22я22ь17г16б16ч12х12й12ж7ц6ю8ї6є5ф4ш6щ4ґ1";
const BELARUSIAN: Language =
    "а150н65і62о54е48р48к45с45т45л40я38в35у33д33ы33м30п25з25ў20г20ь18ц30б17ч14х12й13э12ж10ш9ю8ё8ф3";
const BULGARIAN: Language = "а117и90о87е83н72т70р52с50в46л37к33п29д30м24з21ъ19я17б15г15у15ч13щ7ж7ц7ш6х6й6ф2ю2ь1";
const SERBIAN: Language = "а112о90и93е87н58т46р48с50в36к36д34у42м34л33п29ј43з16г16б14ц8ч9ш9ж6љ5њ7ћ6ђ2х6ф2џ1";
const GREEK: Language =
    "α112ο90ι78ε77τ75σ49ν59η48υ43ρ39κ37π37λ27ς37ω21μ32γ17δ17θ12χ12φ8β7ξ5ζ4ψ2ά25ό24έ20ί30ή16ύ13ώ12ϊ1";
const HEBREW: Language = "י110ה100ו100ל74א64ר56ת50ב47מ46ש44נ35ע32ם32ד26ק21ח25פ17כ19ן13ט12ג13ז13ס15צ12ך8ף2ץ2";
const ARABIC: Language =
    "ا125ل115ي65م60و58ن60ر55ت52ب40ة37ع37د34س27ف29ه37ك22ق24أ25ح22ج13ش10ص11ط9خ9ى8ض6ذ7إ10ث5ز6غ4ء4ئ3ظ2آ2ؤ1";
const THAI: Language = "า80น70ร70อ60ก50เ50ง45ม40ย40ล35ว35ด30ท30ส30ต25ะ25ป25ั20บ20ค25ห25แ20จ20พ20ช15ข15ใ12ไ12โ10\
     ี25ิ25่40้35ุ15ู10์15็8ื12ำ15ซ6ผ8ศ6ณ5ธ5ถ6ษ4ญ3ภ3ฐ3ฟ3ฝ1ฉ2";

pub(super) const WESTERN: &[Language] =
    &[GERMAN, FRENCH, SPANISH, PORTUGUESE, ITALIAN, CATALAN, DUTCH, SWEDISH, FINNISH, DANISH, ICELANDIC, IRISH];
pub(super) const CENTRAL: &[Language] = &[POLISH, CZECH, SLOVAK, HUNGARIAN, ROMANIAN, CROATIAN, SLOVENE, GERMAN];
pub(super) const TURKIC: &[Language] = &[TURKISH, GERMAN, FRENCH];
pub(super) const BALTIC: &[Language] = &[LITHUANIAN, LATVIAN, ESTONIAN, GERMAN];
pub(super) const CYRILLIC: &[Language] = &[RUSSIAN, UKRAINIAN, BELARUSIAN, BULGARIAN, SERBIAN];
pub(super) const HELLENIC: &[Language] = &[GREEK];
pub(super) const HEBRAIC: &[Language] = &[HEBREW];
pub(super) const ARABIAN: &[Language] = &[ARABIC];
pub(super) const SIAMESE: &[Language] = &[THAI];
pub(super) const VIETIC: &[Language] = &[VIETNAMESE];

/// Letters and their shares.
pub(super) fn shares(language: Language) -> HashMap<char, f32> {
    let mut shares: HashMap<char, f32> = HashMap::new();
    let mut letter = None;
    let mut weight = 0_u16;
    for c in language.chars().chain(std::iter::once(' ')) {
        if let Some(digit) = c.to_digit(10) {
            weight = weight.saturating_mul(10).saturating_add(u16::try_from(digit).unwrap_or(0));
            continue;
        }
        if let Some(letter) = letter.replace(c) {
            shares.insert(letter, f32::from(weight));
        }
        weight = 0;
    }
    let sum: f32 = shares.values().sum();
    for share in shares.values_mut() {
        *share /= sum.max(1.0);
    }
    shares
}
