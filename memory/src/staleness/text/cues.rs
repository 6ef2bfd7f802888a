//! Cue words: what a turn does with what was said before, by general English
//! phrases. In other languages they find nothing and the rest decides.
//!
//! Phrases are sequences of whole words; each sets one bit. They are general
//! language, not wordings of any data set.

use std::{collections::HashMap, sync::LazyLock};

use super::words::{Lexed, hash};

/// A set of cues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cues(pub u64);

macro_rules! cues {
    ($($(#[$doc:meta])* $name:ident = $phrases:expr;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        /// What a phrase tells.
        pub enum Cue { $($(#[$doc])* $name,)* }
        impl Cue {
            /// All cues, in the order of their bits.
            pub const ALL: &'static [Cue] = &[$(Cue::$name,)*];
        }
        const PHRASES: &[(Cue, &str)] = &[$((Cue::$name, $phrases),)*];
    };
}

cues! {
    /// Takes back: "actually", "I meant", "scratch that".
    Retracts = "actually|wait|oops|i mean|i meant|meant to say|correction|scratch that|on second thought|never mind|nevermind|my mistake|i was wrong|let me correct|correct that|changed my mind|change my mind|misspoke|sorry|apologies|not quite|hold on|i thought|turns out|rethinking|reconsidered|to be precise";
    /// Asks for a change: "make it", "change", "switch to".
    Changes = "change|changed|changing|make it|make that|make this|switch|switching|switched to|update|updating|modify|replace|replacing|move it|move the|move that|moved to|reschedule|rescheduled|swap|edit|adjust|alter|revise|postpone|push it|push back|bring it forward|bump|correct it to|set it to";
    /// Puts one thing for another: "instead", "rather".
    Instead = "instead|rather|in place of|as opposed to|and not|not anymore|in lieu|over to|prefer|would prefer|i'd prefer|better if|go with|stick with|opt for|settle on|decided on|ended up|going with";
    /// Opens with a refusal.
    Denies = "^no|^nope|^nah|^not|^no thanks|not really|that's not|that isn't|that is not|not right|incorrect|that's wrong|not what|don't like|do not like|not interested|not a fan|doesn't work|won't work|i don't want|i do not want|not that one|not good|isn't going to work";
    /// Asks for alternatives: "anything else", "another", "how about".
    Alternative = "anything else|something else|another|other|others|different|else|what about|how about|alternatives|alternative|any more|more options|options|elsewhere|what else|some more|similar|different one|other than|besides that|next one";
    /// Adds to what is there: "also", "as well", "one more".
    Adds = "also|as well|too|plus|add|adding|added|both|in addition|additional|additionally|along with|another one|one more|second|third|besides|on top of|moreover|furthermore|as well as|together with|and also|extra|apart from|not only|including|include|throw in|more of|joined|joining|newest|another new|latest addition|either";
    /// Something ended: "no longer", "used to", "cancelled".
    Ended = "used to|no longer|anymore|any longer|any more|formerly|previously|stopped|quit|gave up|left|cancel|cancelled|canceled|cancelling|ex|former|past|got rid|sold|finished|dropped|fell through|called off|back then|originally|at first|initially|earlier i|before that|was going to|were going to|had planned|not doing|backed out|over with|broke up|retired|expired|discontinued|removed|remove|drop|forget|delete";
    /// Something is so now: "now", "these days", "as of".
    Present = "now|currently|these days|as of|from now on|nowadays|at the moment|lately|recently|right now|today|for now|at present|going forward|this time|new|latest|most recent|so far|since then|just|finally|officially|this week|this month|last week|last month";
    /// A state changed: "moved", "became", "went up".
    Became = "moved|switched|changed|became|become|turned|started|upgraded|promoted|increased|decreased|reduced|raised|lowered|went up|went down|grew|dropped to|reached|hit|extended|shortened|shifted|transferred|relocated|converted|replaced|updated|revised|improved|got a|bought|took|joined|settled|up to|down to|rose|exceeded|surpassed|bumped|completed|accepted|hired|renamed|adopted|renewed|swapped|landed|ended up|rescheduled|postponed|pushed";
    /// Agrees: "yes", "sounds good".
    Accepts = "yes|yeah|yep|yup|sure|ok|okay|perfect|great|sounds good|sounds great|that works|works for me|that's fine|that is fine|fine|good|correct|that's right|that's correct|alright|awesome|excellent|nice|wonderful|go ahead|please do|of course|definitely|absolutely|exactly|cool|i like|i'll take|love it|let's do|that one";
    /// Thanks, greets or takes leave.
    Courtesy = "thanks|thank you|thank|bye|goodbye|hello|hi|hey|that's all|that will be all|that is all|nothing else|good day|good evening|good morning|take care|you're welcome|no problem|appreciate|all i need|all set|all for now|i'm good";
    /// Asks for something to be done.
    Requests = "can you|could you|please|find|search|book|reserve|i want|i need|i'd like|i would like|looking for|look for|help me|show me|get me|give me|let me|tell me|i'm interested|schedule|buy|play|check|recommend|suggest|need to|want to|like to|make a|make me|set up|order|will you|would you|transfer|send";
    /// Leaves it open: "any", "it doesn't matter".
    Open = "any|doesn't matter|does not matter|don't care|do not care|whatever|no preference|anything is fine|either one|up to you|not picky|i'm open|anywhere|whichever|don't mind|flexible|not sure|don't know|i'm not sure|maybe|perhaps|might|thinking about|considering|planning|wondering|if i|what if|suppose";
    /// Asks by a question word.
    Asks = "^what|^where|^when|^who|^how|^which|^why|^is|^are|^do|^does|^did|^can|^could|^will|^would|^should|^any|^have|^has|what is|what's|how much|how many|how long|what time|what day|do they|is it|is there|does it|are there|do you|can i|could i|have any|what kind|what type";
    /// Offers or proposes (an assistant's way).
    Offers = "would you like|do you want|how about|what about|shall i|should i|i found|i've found|i have found|there is|there's|there are|you might like|you may like|do you like|recommend|suggest|options|interested in|want me to|is that okay|does that work|do you prefer|another option|what do you think|i see|let me know";
    /// Repeats what was understood, to be confirmed.
    Confirms = "confirm|confirming|is that right|is that correct|is this correct|is this right|to confirm|just to confirm|please verify|correct me|right so|so you|you want|you would like|you'd like|you said|you mentioned|all correct|details|are you sure|double check|so that's|got it so|everything right|sound right|look right|okay so|everything correct";
    /// Something was done.
    Completed = "booked|confirmed|reserved|done|successful|successfully|has been|have been|scheduled|purchased|all set|completed|reservation is|is set|made the|i've made|i have made|i've added|i've updated|i have updated|got it|noted|understood|sent|paid|added|saved|started playing|playing";
    /// Something did not work.
    Fails = "couldn't|could not|unable|unfortunately|no results|not available|unavailable|failed|didn't find|did not find|can't find|cannot|wasn't able|was not able|not able|not successful|unsuccessful|wasn't|don't have|do not have|fully booked|sold out|no more|no other|i'm afraid|was not|does not have|i can't|there are no|there aren't|not found|wrong with";
    /// Tries again: "again", "try".
    Again = "again|try|retry|another try|once more|search for|look for|look again|check again|start over|go back|back to|redo";
    /// Holds on to what was said: "still", "as I said".
    Still = "still|as i said|like i said|as before|same|the same|keep|keeping|remain|remains|unchanged|i told you|i mentioned|as mentioned|as usual|always|remember|stay|staying|already|that same|continue|continues";
    /// Speaks of oneself.
    Self_ = "i|i'm|i've|i'd|i'll|my|me|mine|we|we're|we've|our|us|im|ive|myself";
    /// Has a negation.
    Negates = "not|no|never|don't|doesn't|didn't|isn't|aren't|wasn't|weren't|won't|wouldn't|can't|cannot|couldn't|shouldn't|haven't|hasn't|hadn't|without|neither|nor|none|nobody|nothing|cant|dont|nowhere|hardly|ain't|wouldn't";
    /// Compares: "earlier", "cheaper", "closer".
    Compares = "earlier|later|cheaper|closer|nearer|bigger|smaller|larger|better|sooner|longer|shorter|more expensive|less expensive|less|fewer|higher|lower|farther|further|faster|nicer|quieter|than|too early|too late|too expensive|too far|too small|too big|too many|too much|upgrade|instead of";
    /// Supposes, weighs or looks back: nothing of it is so now.
    Supposes = "what if|if we|if i|if it|if they|if only|even if|suppose|supposing|imagine|hypothetically|in theory|would be|would it|would my|would that|would have|could have|were to|i'd have|considered|considering|thought about|thinking about|thinking of|toyed with|looked at|tempted|was tempted|almost|nearly|wanted to|decided against|stayed with|sticking with|stick with|in the end|for comparison|compared to|compared with|out of curiosity|just curious|last year|last time|last winter|last summer|back in|when i was|when we were|years ago|once|used to|as a child|in those days|at my old|in my old|ex's|dreamt|dreamed|joked|joking";
    /// Speaks of another of the kind: "the other", "for work", "of my sister".
    Distinct = "the other|other one|the second|the first|the old one|the new one|the front|the rear|the back|upstairs|downstairs|on the way back|way back|return|outbound|inbound|for work|at work|company|private|personal|my own|his own|her own|their own|students|kids|children|adults|members|guests|weekends|weekdays|each|per|the small|the big|left|right|upper|lower|north|south|east|west|morning|evening";
    /// Names one attribute that has one value at a time: "my address is".
    Single = "my name|address|phone number|number is|email|my age|years old|my budget|deadline|due date|birthday|wedding date|my boss|my manager|manager is|my job|my role|my title|salary|rent is|password|live in|living in|i live|based in|work at|work for|working at|works at|is set for|scheduled for|starts at|start date|capacity|my favorite|favourite|my current|my goal|goal is|target|limit|headcount|located|location is|size is|colour is|color is|price is|costs|married to|engaged to|dating|status|version|username|plate|timezone|my weight|i weigh|my height|meeting is|flight is|appointment is|party is|wedding is|arriving|leaving on|staying at|hotel is|call me|go by|the name is|is called|is named|named";
    /// Names an attribute that holds many values: allergies, hobbies, pets.
    Plural = "allergic|allergy|allergies|hobby|hobbies|pet|pets|child|children|kids|son|daughter|brother|sister|siblings|friend|friends|language|languages|speak|speaks|shopping list|groceries|grocery|list|ingredients|stop|stops|skills|certificate|certifications|courses|members|guests|items|books|instruments|interests|symptoms|medications|playlist|collection|subscriptions|toppings|bring|pack|packing|buy|pick up|need some|tasks|to do|reminders|invite|attendees|features|requirements|teammates|colleague|cousin|cousins|twins|visited|read|watched|tried|recipe|recipes|plants|grow|degree|degrees|awards|countries|volunteer|member of";
}

impl Cues {
    /// Whether it has a cue.
    pub fn has(self, cue: Cue) -> bool {
        self.0 & (1 << cue as u64) != 0
    }

    /// The cues of a text, for each clause.
    pub fn of_clauses(lexed: &Lexed) -> Vec<Self> {
        let mut found = vec![Self::default(); lexed.asks.len()];
        for (index, word) in lexed.words.iter().enumerate() {
            let Some(phrases) = TABLE.get(&word.hash) else { continue };
            let Some(cues) = found.get_mut(word.clause as usize) else { continue };
            let begins = lexed.clauses.get(word.clause as usize) == Some(&(index as u16));
            for phrase in phrases {
                let holds = (begins || !phrase.opens)
                    && phrase.rest.iter().enumerate().all(|(k, hash)| {
                        lexed.words.get(index + 1 + k).is_some_and(|next| next.hash == *hash)
                    });
                if holds {
                    cues.0 |= 1 << phrase.cue as u64;
                }
            }
        }
        for (cues, asks) in found.iter_mut().zip(&lexed.asks) {
            if *asks {
                cues.0 |= 1 << Cue::Asks as u64;
            }
        }
        found
    }
}

impl std::ops::BitOr for Cues {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A phrase after its first word.
struct Phrase {
    cue: Cue,
    /// Only where it opens a clause.
    opens: bool,
    rest: Box<[u32]>,
}

/// Phrases by the hash of their first word.
static TABLE: LazyLock<HashMap<u32, Vec<Phrase>>> = LazyLock::new(|| {
    let mut table: HashMap<u32, Vec<Phrase>> = HashMap::new();
    for (cue, phrases) in PHRASES {
        for phrase in phrases.split('|') {
            let opens = phrase.starts_with('^');
            let mut words = phrase.trim_start_matches('^').split(' ').map(hash);
            let Some(first) = words.next() else { continue };
            table.entry(first).or_default().push(Phrase {
                cue: *cue,
                opens,
                rest: words.collect(),
            });
        }
    }
    table
});

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, with: &[Cue], without: &[Cue]) {
        let found =
            Cues::of_clauses(&Lexed::of(text)).into_iter().fold(Cues::default(), |a, b| a | b);
        for cue in with {
            assert!(found.has(*cue), "{text:?} lacks {cue:?}");
        }
        for cue in without {
            assert!(!found.has(*cue), "{text:?} has {cue:?}");
        }
    }

    #[test]
    fn phrases_set_their_cue() {
        check("Actually, make it 8 pm.", &[Cue::Retracts, Cue::Changes], &[Cue::Adds, Cue::Denies]);
        check("No, the other one.", &[Cue::Denies, Cue::Alternative], &[Cue::Accepts]);
        check("I know no one there.", &[Cue::Negates], &[Cue::Denies]);
        check("I'm also allergic to nuts", &[Cue::Adds, Cue::Plural, Cue::Self_], &[Cue::Ended]);
        check("We used to live in Bonn.", &[Cue::Ended], &[Cue::Adds]);
        check("Is that far?", &[Cue::Asks], &[Cue::Confirms]);
        check("", &[], Cue::ALL);
    }

    #[test]
    fn cues_fit_their_set() {
        assert!(Cue::ALL.len() <= 64);
        assert!(Cue::ALL.iter().enumerate().all(|(bit, cue)| *cue as usize == bit));
    }
}
