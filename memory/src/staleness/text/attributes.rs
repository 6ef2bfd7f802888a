//! Which attribute of a person, plan or thing a clause speaks of: residence,
//! employer, deadline, allergies. "I live in Berlin" and "we moved to Lisbon"
//! share no content word, but one attribute.
//!
//! Attributes have either one value at a time, so that a new value takes the
//! old one's place, or many, so that a new value stands beside it. A lexicon of
//! general English; what it does not know is left to words and vectors.

use std::{collections::HashMap, sync::LazyLock};

use super::words::{Lexed, hash};

/// A set of attributes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Those with one value at a time.
    pub single: u64,
    /// Those with many.
    pub plural: u64,
    /// Of whom it speaks, other than the speaker: "my sister", "she".
    pub owners: u64,
}

/// One value at a time; the words of each line speak of one attribute.
const SINGLE: &[&str] = &[
    // Residence.
    "live in|lives in|living in|lived in|moved to|moving to|relocated|relocating|relocate|based in|my home is|home is in|settled in|reside|residing|our flat|my flat|my apartment|our apartment|my house|our house|move to|moved into|moved back|hometown|moved over",
    // Postal address.
    "address|ship it|ship to|shipped to|deliver it|deliver to|parcel|send it to|delivery|mailing|postcode|zip code",
    // Telephone.
    "phone|phone number|my number|call me on|call me at|reach me|mobile|cell|text me|new number|the number",
    // Electronic mail.
    "email|e mail|mail address|write to|inbox|send it to",
    // Employer.
    "work at|work for|works at|works for|working at|working for|employed|employer|job at|joined|hired by|my company|started at|company i work|new job|switched jobs|quit my job|got a job|i'm at",
    // Occupation and title.
    "my role|my title|job title|work as|working as|promoted|position|i became|made me|i'm a|i'm an|i am a|i am an|my job|profession|occupation|as of this week i'm|career",
    // Superior.
    "manager|boss|report to|reports to|supervisor|led by|team lead is|leads the team|head of our",
    // Partner.
    "dating|girlfriend|boyfriend|partner|engaged|married|wife|husband|fiance|fiancee|divorced|broke up|single|seeing|separated|relationship|spouse|got married",
    // Vehicle.
    "drive|drives|car|vehicle|truck|motorbike|my ride|traded it in|traded in|bike is|leased",
    // Time of an event.
    "meeting|call|appointment|starts at|start at|begins at|reservation|table for|interview|session|the class is|show is|alarm|pick up at|pickup|check in|arrive at|scheduled|rescheduled|time",
    // Day of an event or deadline.
    "deadline|due|due date|launch|release|wedding|party|event|trip|flight|fly|flying|departure|return|surgery|exam|conference|webinar|delivery date|move in|leave on|leaving on|extended|postponed|the date|new date|scheduled for|rescheduled for|let's meet|concert",
    // Price, budget, pay.
    "budget|spend|price|cost|costs|quote|offer|fee|rate|estimate|afford|pay|paying|cap it|limit|bid|loan|mortgage|approved for",
    "rent|lease",
    "salary|income|wage|earn|earning|make a year|paid",
    // Colour, size, material.
    "color|colour|paint|painted|in red|in blue|in green|in black|in white|in grey|wall|walls|shade",
    "size|small|medium|large|dimensions|width|length|height|square feet",
    // How many come, how many there are.
    "people|guests|tickets|persons|attendees|seats|party of|passengers|travelers|headcount|of us|employees|team of|team has|staff|rooms|beds|members",
    // Progress.
    "finished|completed|so far|reached|chapters|pages|progress|done with|percent|score|level|points|words|steps|saved|coverage|accuracy|commits|users|followers|miles|record|personal best|problems|lessons|episodes|videos|grown|increased|decreased|improved|uptime",
    // Frequency.
    "times a week|times a day|times a month|times per|every day|every week|once a week|twice a week|per week|a week|a month|weekly|daily|monthly|how often|days a week|twice a|once a",
    // Duration and age.
    "for months|for years|been here|months|years|weeks|streak|anniversary|years old|months old|turned|my age|aged|since",
    // Lodging.
    "hotel|staying at|stay at|hostel|airbnb|lodging|booked|booking|we'll sleep|accommodation|resort|check into",
    // Place of an event.
    "venue|takes place|held at|held in|meet at|meet in|location|place is|room|hosted at|wedding is at|party is at|be at",
    // Diet.
    "vegetarian|vegan|pescatarian|keto|diet|carnivore|paleo|low carb|eat meat|eating meat|gluten free|plant based",
    // State of an order, application or task.
    "order is|invoice|application|status|pending|shipped|approved|rejected|on hold|in review|delivered|ticket is|claim|request is|cancelled|paused|blocked",
    // Way of travel.
    "by train|by car|by bus|by bike|on foot|by ferry|by plane|by taxi|commute|go to work|get to work|travel by|drive to|cycle|walk to",
    // Studies.
    "major|majoring|studying|study|my degree|minor|majors|school|university|college|program",
    // Name.
    "my name|call me|go by|is called|named|renamed|nickname|surname|last name|username|the name",
    // Tools in use.
    "we use|i use|using|built with|built on|runs on|run on|stack|migrated|migrate|framework|database|library|written in|hosted on|platform|provider|switched to|replaced it with|version|upgraded to|installed|decided on|app i use",
    // What is being read or watched now.
    "reading|book club|next book|watching|our pick|the pick|pick for|i'm on|currently on|finished that",
    // Favourite.
    "favorite|favourite|prefer|preferred|mostly|go to|best loved|gone off",
    // Meal, music or genre asked for now.
    "dinner|lunch|breakfast|craving|order|cuisine|restaurant|menu|let's get|let's do|let's order|i'd rather have|eat tonight",
    "play|listen to|music|song|genre|movie|film|show",
    // Goal.
    "goal|target|aim|aiming|objective|plan is|i plan|planning to|decided to|intend",
    // Who does it.
    "speaker|the talk|presenter|chair|host|driver|coach|teacher|doctor|dentist|therapist|contact person|in charge|responsible|lead by|stepped in|instructor|trainer|guide",
    // Weight and other measures of a person.
    "weigh|weight|pounds|kilos|kg|blood pressure|resting heart|bmi",
    // Bank, insurance, plan.
    "bank|insurance|subscription plan|my plan|tier|phone plan|internet provider|carrier|broker",
    // Destination.
    "fly to|flight to|going to|travel to|trip to|ticket to|destination|heading to|vacation in|holiday in|go to",
    // Direction, from where.
    "from|departing|leave from|leaving from|fly from|origin|starting point|pick me up",
];

/// Many values; the words of each line speak of one attribute.
const PLURAL: &[&str] = &[
    "allergic|allergy|allergies|can't have|intolerant|intolerance|react badly|reaction to|makes me ill|sensitive to|can't eat",
    "shopping|grocery|groceries|we need|need to buy|have to buy|get at the store|on the list|to the list|out of|supermarket|buy|pick up|ingredients|pantry",
    "hobby|hobbies|enjoy|love|weekends|taken up|into|like to|pastime|interest|interests|on sundays|practice|i do",
    "speak|fluent|language|languages|learning|bilingual|i know some",
    "dog|cat|pet|pets|parrot|rabbit|rabbits|hamster|turtle|goldfish|pony|puppy|kitten|adopted|fish|bird|horse|hens|we own|we keep",
    "son|daughter|child|children|kid|kids|baby|twins|youngest|eldest|oldest|toddler|newborn|second child",
    "brother|sister|cousin|aunt|uncle|siblings|nephew|niece|grandmother|grandfather|in law|relative",
    "invite|invited|guest list|coming|is coming|friend|friends|on my team|joined the team|attend|bring|rsvp|colleague|teammate|join us",
    "stop in|stop at|on our route|visit|visited|want to see|been to|to the trip|the trip|on to|spend a day|itinerary|countries|go on to|travelled to|tour|we'll see|stopover|sights",
    "i take|taking|medication|medications|prescribed|prescription|prescriptions|pills|tablets|dose|inhaler|i'm on|supplement|vitamin|vitamins|i use",
    "read|i've read|book|books|own a copy|novel|watched|seen|finished reading|good read|liked",
    "skill|skills|experience with|i know|worked with|picked up|certified|certificate|certification|trained in|proficient",
    "needs|we want|asked for|requirement|requirements|feature|features|should have|they want|client|user story|must support|backlog",
    "bought|gift|gifts|wish list|birthday|present|presents|christmas|for her|for him|stocking",
    "this term|class in|classes|course|courses|tutor|semester|signed up|enrolled|take|module|workshop|lesson",
    "i like|i love|a fan|listen to|favorites|playlist|into",
    "cook|can make|recipe|recipes|bake|dish|dishes|topping|toppings",
    "applied|interview with|application went|our client|clients|signed|customer|customers|applications|supplier|partners",
    "appointment|i'm off|i work on|football on|concert on|another appointment|also work|calendar|event on|lesson on",
    "spent|expense|bill|another|log|paid for|cost me|purchase|parking|charged",
    "remind me|reminder|reminders|alarm|there is a bus|task|tasks|to do|to-do|timer|note|add a",
    "symptom|symptoms|pain|headache|cough|fever|rash|aches|hurts|diagnosed",
    "plants|garden|grow|planted|tree|trees|roses|seeds",
    "instrument|instruments|piano|guitar|violin|band|sport|sports|team",
    "degree|degrees|award|awards|won|graduated|publication|published|patent|medal",
    "subscribe|subscribed|subscription|member of|membership|newsletter|channel|podcast",
    "pack|packing|suitcase|luggage|equipment|gear|kit|camera|lens",
    "invested|shares|stock|stocks|fund|savings account|account|portfolio|crypto",
    "volunteer|charity|donated|club|clubs|community|committee",
    "idea|ideas|option|options|example|examples|suggestion|question|reason|reasons|issue|bug|problem",
];

/// Others of whom a clause may speak, one a line.
const OWNERS: &[&str] = &[
    "mother|mom|mum|mama",
    "father|dad|papa",
    "parents|folks",
    "sister|sisters",
    "brother|brothers",
    "wife|fiancee",
    "husband|fiance",
    "girlfriend|boyfriend|partner",
    "son",
    "daughter",
    "grandmother|grandma|granny",
    "grandfather|grandpa",
    "aunt|uncle",
    "cousin",
    "niece|nephew",
    "friend|friends|buddy",
    "neighbour|neighbor|neighbours|neighbors",
    "boss|manager|supervisor",
    "colleague|coworker|co worker|teammate|colleagues",
    "roommate|flatmate|housemate",
    "landlord",
    "teacher|coach|professor",
    "doctor|therapist|dentist",
    "client|customer",
    "assistant|intern",
    "team|department",
    "company|employer",
    "he|his|him|he's",
    "she|her|hers|she's",
    "they|their|them|they're",
    "kids|children",
    "dog|puppy",
    "cat|kitten",
    "ex",
    "in laws",
];

impl Attributes {
    /// The attributes of a text, for each clause.
    pub fn of_clauses(lexed: &Lexed) -> Vec<Self> {
        let mut found = vec![Self::default(); lexed.asks.len()];
        for (index, word) in lexed.words.iter().enumerate() {
            let Some(phrases) = TABLE.get(&word.hash) else { continue };
            let Some(set) = found.get_mut(word.clause as usize) else { continue };
            for phrase in phrases {
                let holds = phrase.rest.iter().enumerate().all(|(k, hash)| {
                    lexed.words.get(index + 1 + k).is_some_and(|next| next.hash == *hash)
                });
                if holds {
                    match phrase.list {
                        List::Single => set.single |= phrase.bit,
                        List::Plural => set.plural |= phrase.bit,
                        List::Owners => set.owners |= phrase.bit,
                    }
                }
            }
        }
        found
    }

    /// How many of each kind two sets share: single, plural.
    pub fn shared(self, other: Self) -> (f32, f32) {
        let count = |bits: u64| bits.count_ones() as f32;
        (count(self.single & other.single), count(self.plural & other.plural))
    }
}

impl std::ops::BitOr for Attributes {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self {
            single: self.single | other.single,
            plural: self.plural | other.plural,
            owners: self.owners | other.owners,
        }
    }
}

/// Which of the lists a phrase is of.
#[derive(Clone, Copy)]
enum List {
    Single,
    Plural,
    Owners,
}

/// A phrase after its first word.
struct Phrase {
    list: List,
    bit: u64,
    rest: Box<[u32]>,
}

/// Phrases by the hash of their first word.
static TABLE: LazyLock<HashMap<u32, Vec<Phrase>>> = LazyLock::new(|| {
    let mut table: HashMap<u32, Vec<Phrase>> = HashMap::new();
    for (list, lines) in [(List::Single, SINGLE), (List::Plural, PLURAL), (List::Owners, OWNERS)] {
        for (at, line) in lines.iter().enumerate() {
            for phrase in line.split('|') {
                let mut words = phrase.split([' ', '-']).map(hash);
                let Some(first) = words.next() else { continue };
                let phrase = Phrase { list, bit: 1 << at, rest: words.collect() };
                table.entry(first).or_default().push(phrase);
            }
        }
    }
    table
});

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Attributes {
        let all = Attributes::of_clauses(&Lexed::of(text));
        all.into_iter().fold(Attributes::default(), |a, b| a | b)
    }

    #[test]
    fn statements_of_one_attribute_meet_without_a_common_word() {
        for (old, new, single, plural) in [
            ("I live in Berlin.", "We moved to Lisbon last month.", true, false),
            ("I work at Siemens.", "I've just joined Dell.", true, false),
            ("I'm allergic to nuts.", "Eggs make me ill, I can't eat them.", false, true),
            ("I live in Berlin.", "My rent is due.", false, false),
            ("My son is Tom.", "Our daughter is Ada.", false, true),
        ] {
            let shared = of(old).shared(of(new));
            assert_eq!((shared.0 > 0.0, shared.1 > 0.0), (single, plural), "{old} / {new}");
        }
    }

    #[test]
    fn attributes_fit_their_set() {
        assert!(SINGLE.len() <= 64 && PLURAL.len() <= 64 && OWNERS.len() <= 64);
        assert_ne!(of("My sister lives in Rome.").owners, of("My mum lives in Rome.").owners);
        assert_eq!(of("I live in Rome.").owners, 0);
    }
}
