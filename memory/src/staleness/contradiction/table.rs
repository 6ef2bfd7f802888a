//! Hand-written pairs, several subjects and wordings: contradictions, and pairs
//! that look alike and are none (another subject, an update with its cue, a
//! restatement, a wish, a question). None is from a data set, and nothing was
//! learnt from them. For the tests.

/// An old turn and a new one of the same speaker, some turns apart.
pub(super) type Pair = (&'static str, &'static str);

/// Both cannot hold, and nothing says that it changed.
pub(super) const CONTRADICTIONS: &[Pair] = &[
    (
        "I visited Lisbon with my sister two years ago.",
        "I've never visited Lisbon, what is it like?",
    ),
    ("I've never owned a dog in my life.", "I owned a dog called Rex for ten years."),
    ("I signed the lease on Monday.", "I've never signed any lease, can you explain what it is?"),
    (
        "I trained for the marathon all spring with my coach.",
        "I have never trained for any marathon, so where do I start?",
    ),
    (
        "We never received the invoice for the kitchen.",
        "We received the kitchen invoice in March and paid it.",
    ),
    (
        "I took a pottery class at the community centre and loved it.",
        "I've never taken a pottery class, is it hard?",
    ),
    (
        "I've been using Notion to plan my week since January.",
        "I've never used Notion to plan anything, is it any good?",
    ),
    (
        "My manager approved the budget for the new laptops.",
        "My manager never approved the budget for the new laptops.",
    ),
    (
        "The test suite passes on the main branch.",
        "The test suite does not pass on the main branch.",
    ),
    ("I am allergic to peanuts.", "I am not allergic to peanuts."),
    ("I have no brothers.", "My brothers and I have a boat."),
    ("The migration to Postgres is finished.", "The Postgres migration isn't finished."),
    ("I can speak Portuguese.", "I can't speak Portuguese at all."),
    ("The film was brilliant from start to end.", "The film was terrible from start to end."),
    ("I always take the train to work.", "I never take the train to work."),
    (
        "I have applied to three universities in Canada.",
        "I've never applied to any universities in Canada.",
    ),
    ("The landlord allows pets in the flat.", "The landlord forbids pets in the flat."),
    ("I like working from home.", "I hate working from home."),
    ("I met Priya at the design conference in Oslo.", "I've never met Priya, who is she?"),
    (
        "I wrote unit tests for the parser last week.",
        "I've never written unit tests for the parser, how do I begin?",
    ),
    (
        "The government has a plan for housing.",
        "The government does not have any plan for housing.",
    ),
    (
        "I've cooked risotto for my parents many times.",
        "I have never cooked risotto, can you give me a recipe?",
    ),
];

/// Both can hold.
pub(super) const COMPATIBLE: &[Pair] = &[
    (
        "I visited Lisbon with my sister two years ago.",
        "I've never visited Madrid, what is it like?",
    ),
    ("I've never owned a dog in my life.", "What should I pack for a week at the sea?"),
    ("I signed the lease on Monday.", "Thanks! How do I set up the electricity?"),
    ("Book a table for four at seven.", "Actually, make it five people at eight."),
    ("I live in Hamburg.", "I moved to Berlin last month."),
    ("I am allergic to peanuts.", "I'm also allergic to shellfish."),
    ("The test suite passes on the main branch.", "The linter fails on my feature branch."),
    ("I'd like to learn Portuguese.", "I can't speak Portuguese yet."),
    ("My sister lives in Rome.", "My brother lives in Paris."),
    ("The film was brilliant from start to end.", "I enjoyed the film and would see it again."),
    ("I take the train to work.", "On Saturday I cycle to the lake."),
    ("I trained for the marathon all spring.", "My marathon time was just under four hours."),
    (
        "We received the invoice for the kitchen.",
        "Can you draft a reply to the kitchen company about the invoice?",
    ),
    ("I like working from home.", "My office at home needs a better chair."),
    ("How many people can the hall hold?", "The hall holds two hundred people."),
    (
        "I've been using Notion to plan my week.",
        "Here is the Notion page for this week, can you tidy it up?",
    ),
    ("I cooked risotto for my parents.", "My parents asked for the risotto recipe."),
    ("I met Priya at a conference.", "Priya and I talked about her new job."),
    ("Do you know a good dentist?", "I need to call the bank tomorrow."),
    ("The migration to Postgres starts in May.", "We need a backup before the migration."),
    ("I have two cats.", "One of my cats is called Miso."),
    ("I've never been to Japan.", "I'd love to go to Japan next spring."),
];
