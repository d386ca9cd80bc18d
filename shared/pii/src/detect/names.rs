//! Frequent given names.

use std::{collections::HashSet, sync::LazyLock};

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Folded to lower case and ASCII. Left out are those that are also words, months, colours or large cities.
const GIVEN: &str = "
aaron abdul abdullah abigail adam adele adriana adriano agnes ahmed aidan aisha alain alan albert alberto alejandra
alejandro alessandra alessandro alex alexander alexandra alexandre alexandria alexis alfonso alfred alfredo ali alice
alicia alison allison amanda amelia amina amy ana anders andre andrea andreas andrew andy angel angela angelica
angelina angelo anita anja anke ann anna anne annette annie anthony anton antonella antonia antonio antoine ariana
arjun arnaud arthur arturo ashley astrid aubrey audrey aurelie aurora ava barbara bart beatrice beatriz ben benedikt
benjamin bernadette bernard bernd bert beth bettina betty beverly bianca birgit bjorn bob bobby bonnie brandon brenda
brian brittany bruce bruno bryan caleb camila camille carl carla carlo carlos carmen carol carole caroline carolyn
catarina catherine catherina cathy cecile cecilia celine chantal charles charlie cheryl chiara chloe chris christa
christian christiane christina christine christoph christophe christopher cindy claire clara claude claudia claudio
claus clement colin connor corinne craig cristian cristiana cristina cynthia damien daniel daniela daniele danielle
danny dario darren dave david deborah debra delphine denis denise dennis derek detlef diana diane diego dieter dimitri
dirk dominik dominique don donald donna doris dorothea dorothy douglas duarte dylan edith eduardo edward edwin eileen
elaine eleanor elena eleni elias elijah elise elizabeth elisabeth ella ellen elsa emil emilia emilie emily emma
emmanuel enrico enrique eric erica erich erik erika ernst esteban esther ethan etienne eugene eva evan evelyn fabian
fabien fabio fatima federica federico felipe felix fernanda fernando filipe filippo fiona florian francesca francesco
francine francis francisca francisco franco francois francoise frank franz fred frederic frederik friedrich fritz
gabriel gabriela gabriele gabriella gareth gary gavin geert genevieve george georges gerald gerard gerd gerhard
geraldine giacomo gianluca gianni gilbert gilles gina giorgia giorgio giovanna giovanni gisela giulia giuseppe gloria
gonzalo gordon graham greg gregory greta guido guillaume guillermo gunther gustav gustavo hannah hans harald harold
harriet harry hassan heather hector heike heiko heinrich heinz helen helena helene helga helmut hendrik henri henrik
henrique henry herbert herman hermann holger horst howard hugo ian ibrahim ignacio igor ilse ines inga ingo ingrid
irene irina isaac isabel isabella isabelle isla ivan jacob jacqueline jacques jaime jake jakob jamal james jan jana
jane janet janice jason javier jean jeanne jeff jeffrey jennifer jenny jens jeremy jerome jerry jesse jessica jesus
jill jim jimmy joachim joan joana joanna joao joaquin jochen joe joel joerg johan johanna johannes john johnny jon
jonas jonathan jorge jose josef joseph josephine joshua joyce juan juana juanita judith judy juergen julia julian
juliana julie julien juliette julio jurgen justin kai karen karim karin karina karl karla karsten katarina kate
katharina katherine kathleen kathrin kathryn kathy katja katrin kayla keith kelly kenneth kerstin kevin kim kimberly
klaas klaus konrad kristen kristin kristina kurt kyle larry lars latoya laura lauren laurence laurent lea leah leandro
lee lena leo leon leonard leonardo leonie leonor liam liliana linda lisa logan lorena lorenzo lori lotte louis louisa
louise luana luc luca lucas lucia luciana luciano lucie lucy ludwig luis luisa luiz lukas luke lydia madeleine mads
maike manfred manon manuel manuela marc marcel marcela marcella marcelo marco marcos marcus margaret margarita
margherita margit margot maria mariana marianne marie marilyn marina mario marion marisa marjorie marko markus marlene
marta martha martijn martin martina martine marvin mary massimo mateo mathias mathieu mathilde matilde matt matteo
matthew matthias maurice mauricio mauro max maxime maximilian megan mehmet melanie melissa mercedes mia michael michaela
michel michele michelle miguel mike milan miriam mohamed mohammad mohammed monica monika monique moritz muhammad nadia
nadine nancy natalia natalie natasha nathalie nathan nathaniel nicholas nick nicola nicolas nicole niels nigel nikolai
nina noah noel nora norbert norma norman nuno oleg oliver olivia olivier omar oscar oskar otto owen pablo pamela paola
paolo pascal pat patricia patricio patrick patrizia paul paula paulina pauline paulo pedro peggy penelope peter petra
philip philipp philippe phillip phyllis pierre pieter priya rachel rafael rahul rainer raj ralf ralph ramon raphael
raquel raul raymond rebecca regina reinhard renata renate rene ricardo riccardo richard rita robert roberta roberto
robin rodrigo roger roland rolf romain roman ronald rosa rosario roxanne roy ruben rudolf russell ruth ryan sabine
sabrina salvatore sam samantha samir samuel sandra sandro sara sarah sascha sebastian sebastien serena serge sergei
sergio shannon sharon sheila shirley silke silvia simon simona simone sofia sofie solange sonia sonja sophia sophie
stacy stanislav stefan stefania stefanie stefano stephan stephane stephanie stephen steve steven stuart susan susana
susanne suzanne svetlana sven sylvia sylvie tamara tania tanja tanya tara tatiana teresa terry thea theodor theodore
theresa therese thibault thierry thomas thorsten tiago tiffany tim timothy tina tobias tom tomas tommaso toni tony
torsten tracy trevor tyler udo ulrich ulrike ursula ute uwe valentin valentina valeria valerie vanessa vera veronica
veronika veronique vicente victor viktor vincent vincenzo virginie vittoria vladimir volker walter waltraud wanda
wayne wendy werner wesley wilfried wilhelm willem william wolfgang xavier yannick yasmin yolanda youssef yusuf yves
yvette yvonne zachary zoe
";

static SET: LazyLock<HashSet<&'static str>> = LazyLock::new(|| GIVEN.split_ascii_whitespace().collect());

/// Whether a word is one of them, whatever its case and accents.
pub(super) fn is_given(word: &str) -> bool {
    if word.len() > 16 || word.len() < 2 {
        return false;
    }
    if !word.is_ascii() {
        let folded: String = word.nfd().filter(|c| !is_combining_mark(*c)).collect();
        return folded.is_ascii() && is_given(&folded);
    }
    let mut lower = [0_u8; 16];
    let lower = &mut lower[..word.len()];
    lower.copy_from_slice(word.as_bytes());
    lower.make_ascii_lowercase();
    std::str::from_utf8(lower).is_ok_and(|word| SET.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_in_any_case_and_with_accents() {
        assert!(["Maria", "PETER", "josé", "François"].iter().all(|name| is_given(name)));
        assert!(!["Rose", "april", "Widget", "", "x", "a word that is longer"].iter().any(|name| is_given(name)));
    }

    #[test]
    fn every_name_is_folded_and_can_be_found() {
        assert!(SET.iter().all(|name| (2..=16).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase())));
    }
}
