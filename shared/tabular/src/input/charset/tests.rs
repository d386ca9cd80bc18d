use std::io::Cursor;

use super::*;

/// A text in a character set; bytes of its own where the set lacks a character.
fn encode(name: &str, text: &str) -> Vec<u8> {
    match by_name(name, b"").unwrap().charset {
        Charset::Dos(page) => text.chars().map(|c| page.encode(c).unwrap_or_else(|| panic!("{c} in {name}"))).collect(),
        Charset::Legacy(encoding) => {
            let (bytes, _, lossy) = encoding.encode(text);
            assert!(!lossy, "{name}: {text}");
            bytes.into_owned()
        }
        _ => text.as_bytes().to_vec(),
    }
}

fn decoded(bytes: &[u8], charset: Charset) -> String {
    let mut text = String::new();
    let counters = Arc::new(Counters::new(Arc::default()));
    decode(charset, Box::new(Cursor::new(bytes.to_vec())), 0, counters).read_to_string(&mut text).unwrap();
    text
}

/// Whole texts, short ones among them, and the sets that they are in.
const TEXTS: &[(&str, &[&str])] = &[
    (
        "windows-1252",
        &[
            "id,price\n1,£12.50\n2,£3.00\n3,£200\n",
            "item,cost (£)\na,1\nb,2\n",
            "item,price\na,12 £\nb,3 £\n",
            "item,price\na,12,50 €\nb,3,00 €\n",
            "item,price\na,€12\n",
            "item;¥\na;¥100\n",
            "coin\n50¢\n5¢\n",
            "id,size\n1,1½\n2,2¼\n3,3¾\n",
            "id,size\n1,½\n2,1\n",
            "id,size\n1,½ in\n2,1\n",
            "tank,volume\nA,5 m³\nB,16 m³\n",
            "plot,area\nA,5 m²\nB,16 km²\n",
            "plot,area [m²]\nA,5\nB,16\n",
            "plot,km²\nA,5\nB,16\n",
            "id,size µm\n1,5\n2,6\n",
            "id,µg/m³\n1,5\n2,6\n",
            "id,conc (µg/l)\n1,5\n2,6\n",
            "id,µ\n1,5\n2,6\n",
            "at,temp (°C)\n1,5\n2,6\n",
            "at,temp\n1,5°\n2,6°\n",
            "at,temp\n1,5 °F\n2,6 °F\n",
            "lat\n48°08'N\n52°31'N\n",
            "n°,name\n1,a\n2,b\n",
            "v\n5 ±0.1\n6 ±0.2\n",
            "v\n10×20\n5×3\n",
            "name\nCAFÉ AU COIN\nWATER\n",
            "name\ncafé\nwater\n",
            "name\nJosé\n",
            "name,city\nJosé,Málaga\nMüller,Köln\nFrançois,Besançon\n",
            "stadt\nMünchen\n",
            "stadt\nKöln\nGießen\nLübeck\n",
            "STRASSE\nMÜLLERSTRASSE\nÄGERISTR.\n",
            "ville\nBesançon\nOrléans\nÎle-de-France\nSète\n",
            "ville\nSaint-Étienne\n",
            "cidade\nSão Paulo\nBrasília\nMaceió\n",
            "município\nConceição\nJoão Pessoa\nGoiânia\n",
            "ciudad\nLogroño\nCórdoba\nA Coruña\n",
            "señor\nEspaña\n",
            "città\nForlì\nCefalù\nCantù\n",
            "by\nKøbenhavn\nÅrhus\nTromsø\n",
            "stad\nGöteborg\nMalmö\nVästerås\n",
            "kaupunki\nJyväskylä\nHämeenlinna\n",
            "it’s,5\nnot today,6\n",
            "quote\n“Hello world”\n",
            "title\nA Tale – of two\nB\n",
            "years\n1990–1995\n2000–2005\n",
            "brand\nAcme™\nOther®\n",
            "note\nand so on…\n",
            "item\n• one\n• two\n",
            "title\nl’été à Paris\nd’hiver\n",
            "«Bonjour» dit-il\n",
            "© 2024 Acme\n",
            "§ 5 BGB\n§ 7 BGB\n",
            "¿Qué tal?\n¡Hola!\n",
            "1º,a\n2º,b\n",
            "amount\n1\u{a0}000\n2\u{a0}500\n",
            "text\nHello\u{a0}world\nfoo\u{a0}bar\nmore\u{a0}words\n",
            "a¦b¦c\n1¦2¦3\n4¦5¦6\n",
            "a§b§c\nx§y§z\n",
            "nafn\nÞórður Guðmundsson\nÆvar Þór\n",
        ],
    ),
    (
        "windows-1250",
        &[
            "id,mesto\n1,Plzeň\n2,Brno Židenice\n3,Ústí\n",
            "město\nDěčín\nTřebíč\nPříbram\n",
            "jméno,město\nJiří,Plzeň\nŽofie,České Budějovice\n",
            "miasto\nŁódź\nKraków\nGdańsk\nŁęczyca\n",
            "imię\nMichał\nGrażyna\nStanisław\n",
            "są,już\nwięcej,mąż\n",
            "město\nKošice\nPrešov\nĽubovňa\nŽiar nad Hronom\n",
            "város\nGyőr\nNyíregyháza\nHódmezővásárhely\nKőszeg\n",
            "nume\nBraşov\nIaşi\nConstanţa\n",
            "grad\nČakovec\nŠibenik\nĐurđevac\nPožega\n",
            "Kovačević\nMarić\nĐorđević\n",
            "priimek\nŽižek\nKranjčar\nŠtrukelj\n",
            "ulice\nU Mlýna 5\nNa Příkopě 12\nŠtěpánská 3\n",
        ],
    ),
    (
        "iso-8859-2",
        &[
            "miasto\nWąbrzeźno\nŚwinoujście\nŻary\n",
            "město\nTřebíč\nŽďár nad Sázavou\nŠumperk\n",
            "mesto\nKošice\nPúchov\nŽilina\nľudia\n",
        ],
    ),
    (
        "windows-1251",
        &[
            "имя,город\nИван,Москва\nОльга,Казань\n",
            "город\nМосква\n",
            "МОСКВА;1\nКАЗАНЬ;2\n",
            "місто\nКиїв\nЛьвів\nЧернівці\n",
            "град\nСофия\nПловдив\nБургас\n",
            "№,имя\n1,Пётр\n",
        ],
    ),
    ("koi8-r", &["имя,город\nИван,Москва\nОльга,Казань\nПётр,Новосибирск\n"]),
    ("ibm866", &["имя,город\nИван,Москва\nОльга,Казань\nПетр,Новосибирск\n", "ТОВАР;ЦЕНА\nГайка;5\nБолт;7\n"]),
    ("windows-1253", &["όνομα,πόλη\nΓιώργος,Αθήνα\nΜαρία,Θεσσαλονίκη\n", "πόλη\nΠάτρα\nΛάρισα\n"]),
    ("windows-1254", &["şehir\nİstanbul\nDiyarbakır\nMuğla\n", "il\nKadıköy\nBeşiktaş\nÜsküdar\nIğdır\n"]),
    ("windows-1255", &["שם,עיר\nדוד,ירושלים\nשרה,חיפה\n"]),
    ("windows-1256", &["الاسم,المدينة\nمحمد,القاهرة\nفاطمة,دمشق\n"]),
    (
        "windows-1257",
        &["miestas\nKlaipėda\nŠiauliai\nPanevėžys\nMarijampolė\n", "pilsēta\nRīga\nDaugavpils\nJēkabpils\nRēzekne\n"],
    ),
    ("windows-874", &["ชื่อ,เมือง\nสมชาย,กรุงเทพ\nสมหญิง,เชียงใหม่\n"]),
    ("iso-8859-15", &["prix\n12 €\n15 €\n", "plat\nœuf\nbœuf\ncœur\n"]),
    (
        "macintosh",
        &[
            "it’s,5\nthey’re here,6\n",
            "quote\n“Hello world”\n“Good day”\n",
            "name,city\nJosé,Málaga\nMüller,Köln\nFrançois,Besançon\n",
            "ville\nOrléans\nSète\nÎle-de-France\n",
            "stadt\nMünchen\nNürnberg\nKöln\n",
            "years\n1990–1995\n2000–2005\n",
            "temp\n20°C\n25°C\n",
        ],
    ),
    (
        "ibm850",
        &[
            "stadt\nMünchen\nKöln\nGießen\n",
            "ciudad\nMálaga\nCórdoba\nLogroño\n",
            "ville\nOrléans\nSète\nBesançon\n",
            "by\nKøbenhavn\nTromsø\nBodø\n",
            "cidade\nSão Paulo\nJoão Pessoa\nConceição\n",
            "STADT\nMÜNCHEN\nKÖLN\n",
        ],
    ),
    ("ibm852", &["miasto\nŁódź\nGdańsk\nŁęczyca\n", "město\nTřebíč\nDěčín\nPlzeň\n"]),
    ("shift_jis", &["名前,年齢\n本木,25\n山田太郎,30\n", "名前\n本木\n", "カタカナ,ひらがな\nテスト,てすと\n"]),
    ("euc-jp", &["名前,年齢\n本木,25\n山田太郎,30\n東京タワー,28\n"]),
    ("euc-kr", &["이름,도시\n김철수,서울\n이영희,부산\n"]),
    ("gbk", &["姓名,城市\n张伟,北京\n王芳,上海\n李娜,广州\n"]),
    ("big5", &["姓名,城市\n陳大文,臺北\n林小姐,高雄\n黃先生,臺中\n"]),
];

#[test]
fn texts_are_read_as_they_were_written() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (name, texts) in TEXTS {
        for text in *texts {
            for text in [(*text).to_owned(), text.replace('\n', "\r\n"), text.replace(',', ";")] {
                let bytes = encode(name, &text);
                let found = detect(&bytes, true);
                count += 1;
                if decoded(&bytes, found.charset) != text {
                    wrong.push(format!(
                        "{name} as {} ({:.2}, or {:?}): {:?}",
                        found.charset.name(),
                        found.certainty,
                        found.alternative,
                        decoded(&bytes, found.charset)
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}
