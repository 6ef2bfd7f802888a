"""Small made-up conversations in which a later statement replaces an earlier one, adds to it, or does neither.

The public dialogues hardly ever add to a list, so a model learnt from them alone takes a second allergy
for a change of the first. These sentences are written for this purpose from general English (no wording
comes from an evaluation set): attributes that have one value at a time against attributes that hold many,
each said with and without a cue word, about oneself and about others, with the same value again, in the past
tense, or as a question.

`make(count, seed)` yields (turns, new, old, label, attribute): turns as (role, text); label 1 when turn `new`
replaces something that turn `old` set.
"""

import random

CITIES = "Berlin Lisbon Oslo Denver Toronto Kyoto Madrid Austin Dublin Prague Seattle Vienna Cairo Lima Chicago Munich Porto Boston Leeds Nairobi".split()
STREETS = ["14 Elm Street", "9 Harbour Road", "221 Pine Avenue", "7 Mill Lane", "58 Orchard Way", "3 Castle Hill", "120 Lake Drive"]
COMPANIES = ["Siemens", "a small bakery", "Novartis", "the city library", "Acme Logistics", "a fintech startup", "Volvo", "the university", "Dell", "a law firm"]
JOBS = ["a data analyst", "a nurse", "team lead", "a product manager", "a teacher", "head of sales", "a junior developer", "an electrician", "a consultant"]
PEOPLE = "Maria Tom Aisha Kenji Laura Peter Noor Diego Hannah Samuel Priya Olga Ben Chloe Victor Ines".split()
CARS = ["a Toyota", "a Honda Civic", "an old Volvo", "a Tesla", "a van", "a Ford Focus", "a motorbike"]
TIMES = ["7 am", "9:30 am", "noon", "2 pm", "3:15 pm", "6 pm", "7:45 pm", "half past eight in the evening", "10 o'clock", "5:30"]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "March 3rd", "the 12th of May", "June 21", "next Friday", "the 9th", "October 2nd", "July 30"]
MONEY = ["$200", "$350", "$1,200", "500 euros", "$80", "$2,500", "40 dollars", "$15,000", "$640", "900 euros"]
COLOURS = "blue green red grey white black yellow purple beige orange".split()
FOODS = "milk eggs bread rice apples butter tomatoes cheese pasta yoghurt onions coffee spinach bananas lentils chicken flour honey".split()
ALLERGENS = "peanuts shellfish pollen penicillin gluten dairy cats latex soy eggs strawberries dust".split()
HOBBIES = ["climbing", "chess", "painting", "running", "baking", "gardening", "the piano", "photography", "pottery", "sailing", "knitting", "yoga"]
LANGUAGES = "Spanish French Japanese Arabic German Portuguese Swedish Korean Italian Polish".split()
ANIMALS = ["a dog", "a cat", "a parrot", "two rabbits", "a hamster", "a turtle", "a goldfish", "a pony"]
SUBJECTS = ["history", "statistics", "biology", "French", "economics", "drawing", "physics", "law"]
NUMBERS = "2 3 4 5 6 8 10 12 15 20 25 30 three four five seven nine".split()
PHONES = ["415-555-0136", "020 7946 0011", "555-0199", "312 555 0184", "0171 555 8821"]
EMAILS = ["lena@mail.test", "tomk@post.test", "office@north.test", "a.reyes@mail.test"]
TOOLS = ["PostgreSQL", "MySQL", "React", "Vue", "Django", "Redis", "Kubernetes", "Terraform", "SQLite", "Flask", "Svelte", "MongoDB"]
HOTELS = ["the Hilton", "the Grand Plaza", "a hostel near the station", "the Marriott", "the Sea View", "an Airbnb downtown", "the Ibis"]
VENUES = ["the town hall", "the rooftop bar", "Room 4B", "the old mill", "the community centre", "our garden", "the Blue Hall"]
DISHES = ["Thai food", "pizza", "sushi", "a vegan menu", "barbecue", "Indian food", "tapas", "seafood"]
MEDS = ["ibuprofen", "metformin", "vitamin D", "lisinopril", "an inhaler", "aspirin", "iron tablets"]
TITLES = ["Dune", "Emma", "Ulysses", "Beloved", "Middlemarch", "Hamlet", "Solaris", "Persuasion"]
GENRES = ["jazz", "techno", "folk", "hip hop", "classical music", "reggae", "blues", "country"]
SIZES = ["small", "medium", "large", "size 38", "size 42", "extra large", "size 10"]
GIFTS = ["a scarf", "a lamp", "a novel", "headphones", "a watch", "a board game", "a teapot", "a wallet"]
FEATURES = ["dark mode", "CSV export", "single sign-on", "push notifications", "offline mode", "an audit log", "search filters"]
SIGHTS = ["the castle", "the aquarium", "the old harbour", "the botanical garden", "the cathedral", "the market hall", "the science museum"]

# One value at a time: values, how it is first said, how it is said anew without a cue, with one.
# "2|…" goes only with the first wording number 2.
SINGLE = [
    (CITIES, ["I live in {}.", "I'm based in {}.", "My home is in {}.", "We have a flat in {}."],
     ["I live in {}.", "We live in {} and like it."], ["I moved to {} last month.", "We've relocated to {}.", "I live in {} now.", "We just moved over to {}.", "I'm in {} these days."]),
    (STREETS, ["My address is {}.", "Please ship it to {}.", "The parcel should go to {}."],
     ["The delivery address is {}.", "Send it to {}."], ["Please ship it to {} instead.", "My new address is {}.", "The address changed, it's {} now.", "Actually use {} as the address."]),
    (COMPANIES, ["I work at {}.", "I'm employed by {}.", "My employer is {}."],
     ["I work for {}.", "My employer is {}."], ["I started a new job at {}.", "I left and now work for {}.", "I switched over to {} in spring.", "I've just joined {}."]),
    (JOBS, ["I'm {}.", "I work as {}.", "My role is {}."],
     ["My title is {}."], ["I got promoted, I'm {} now.", "I've become {}.", "As of this week I'm {}.", "They made me {}."]),
    (PHONES, ["My phone number is {}.", "You can reach me on {}."], ["Call me on {}."],
     ["My number has changed to {}.", "Use {} instead, the old number is gone.", "New number: {}."]),
    (EMAILS, ["My email is {}.", "Write to {}."], ["My email address is {}."],
     ["Please use {} from now on.", "I changed my email to {}.", "Actually send it to {}."]),
    (PEOPLE, ["My manager is {}.", "I report to {}.", "Our team is led by {}."],
     ["My boss is {}."], ["{} took over as my manager.", "My new manager is {}.", "I report to {} now."]),
    (PEOPLE, ["I'm dating {}.", "My partner is called {}.", "I'm engaged to {}."],
     ["My partner is {}."], ["We broke up, I'm seeing {} now.", "I'm with {} these days."]),
    (PEOPLE, ["{} will give the talk.", "{} is our speaker.", "The chair will be {}."],
     ["The talk is by {}."], ["{} will give the talk instead.", "Change of plan: {} is the speaker.", "{} stepped in as speaker."]),
    (CARS, ["I drive {}.", "My car is {}.", "I own {}."],
     ["My car is {}."], ["I traded it in for {}.", "I sold it and drive {} now.", "I've swapped it for {}.", "My new car is {}."]),
    (TIMES, ["The meeting is at {}.", "Book the table for {}.", "My appointment is at {}.", "The call starts at {}."],
     ["The meeting is at {}.", "It starts at {}."], ["0|The meeting was moved to {}.", "Make it {}.", "Can we do {} instead?", "Actually {} works better.", "It's been pushed to {}.", "1|No, {} please.", "3|The call now starts at {}."]),
    (DAYS, ["The deadline is {}.", "I'm flying on {}.", "The party is on {}.", "Surgery is scheduled for {}.", "Let's meet on {}."],
     ["The deadline is {}.", "We fly on {}."], ["0|The deadline was extended to {}.", "1|We changed the flight to {}.", "Let's make it {} instead.", "It has been rescheduled for {}.", "Sorry, I meant {}.", "The new date is {}."]),
    (MONEY, ["My budget is {}.", "The rent is {}.", "I can spend {}.", "They offered me {}.", "The quote was {}."],
     ["0|The budget is {}.", "1|Our rent is {}."], ["0|The budget went up to {}.", "1|My rent is now {}.", "2|I can only spend {} after all.", "3|They raised the offer to {}.", "4|The quote came down to {}.", "0|Let's cap it at {} instead."]),
    (COLOURS, ["The walls will be {}.", "I want it in {}.", "Paint the door {}."],
     ["I'd like {}."], ["Let's go with {} instead.", "I changed my mind, {} please.", "On second thought, make it {}.", "No, {}."]),
    (NUMBERS, ["There will be {} guests.", "A table for {} people.", "I need {} tickets.", "We have {} employees."],
     ["1|It's for {} people.", "1|We are {} people."], ["1|We're {} people now.", "1|Make that {} people.", "2|Actually, {} tickets.", "0|It's {} guests after all.", "3|The team has grown to {} employees.", "2|No, {} tickets please."]),
    (NUMBERS, ["I've finished {} chapters.", "I run {} miles a week.", "I go to the gym {} times a week.", "I have written {} pages.", "I've saved {} percent so far."],
     ["0|I've done {} chapters so far.", "1|I run {} miles every week."], ["0|I've now finished {} chapters.", "1|I'm up to {} miles a week.", "2|I go {} times a week now.", "3|I have reached {} pages.", "4|It has grown to {} percent."]),
    (NUMBERS, ["I've been here for {} months.", "My streak is {} days.", "I've had this bike for {} years.", "The baby is {} months old."],
     ["0|I've been here {} months.", "1|It's been {} days."], ["0|It's been {} months now.", "1|My streak reached {} days.", "3|She turned {} months today.", "2|I've now had it for {} years."]),
    (HOTELS, ["I'm staying at {}.", "I booked {}.", "We'll sleep at {}."],
     ["We are staying at {}."], ["I switched to {}.", "We're at {} instead.", "Cancel that, book {}.", "I changed the booking to {}."]),
    (VENUES, ["The wedding is at {}.", "We'll meet in {}.", "The workshop takes place at {}."],
     ["The venue is {}."], ["The venue changed to {}.", "We moved it to {}.", "It will be at {} instead.", "Let's use {} rather than that."]),
    (DISHES, ["We want {} for dinner.", "I'm craving {}.", "Let's order {}."],
     ["I'd like {}."], ["Actually let's get {}.", "I'd rather have {}.", "Let's do {} instead.", "Never mind, {} please."]),
    (TOOLS, ["We use {} for storage.", "The project is built with {}.", "Our stack runs on {}.", "I decided on {}."],
     ["We run {}."], ["We migrated to {}.", "I replaced it with {}.", "We've switched to {}.", "Let's go with {} instead."]),
    (SIZES, ["I take a {}.", "Order it in {}.", "The shirt should be {}."],
     ["My size is {}."], ["I need {} now.", "Could you change it to {}?", "Sorry, {} not that one.", "Make it {}."]),
    (GENRES, ["My favourite music is {}.", "Play some {}.", "I listen mostly to {}."],
     ["My favourite is {}."], ["My favourite is {} now.", "Play {} instead.", "I've gone off that and prefer {} these days."]),
    (SUBJECTS, ["My major is {}.", "I'm studying {}.", "She majors in {}."],
     ["My major is {}."], ["I changed my major to {}.", "I dropped that and study {} now.", "I switched to {}."]),
    (TITLES, ["The book club is reading {}.", "I'm reading {} at the moment.", "Our next book is {}."],
     ["The book club pick is {}."], ["I finished that and started {}.", "We swapped the pick for {}.", "I'm on {} now."]),
    (["vegetarian", "vegan", "pescatarian", "on a keto diet", "eating meat", "on a low carb diet"], ["I'm {}.", "I've been {} for years."],
     ["I'm {}."], ["I'm {} now.", "I've gone back to being {}.", "Lately I'm {}."]),
    (["single", "married", "divorced", "engaged", "separated"], ["I'm {}.", "We are {}."], ["I'm {}."],
     ["I got {} in June.", "I'm {} now.", "Since last week I'm {}."]),
    (["pending", "shipped", "approved", "on hold", "rejected", "in review", "paid"], ["The order is {}.", "The invoice is {}.", "My application is {}."],
     ["0|The order is {}.", "2|My application is {}."], ["0|The order is {} now.", "1|The invoice was set to {}.", "2|My application just got {}."]),
    (["by train", "by car", "by bus", "by bike", "on foot", "by ferry"], ["I go to work {}.", "We'll travel {}."], ["We travel {}."],
     ["We'll go {} instead.", "I go {} these days.", "I've switched to going {}."]),
]

# Many values at once: values, how one is said, how another is added without a cue, with one.
PLURAL = [
    (ALLERGENS, ["I'm allergic to {}.", "I can't have {}.", "I have an allergy to {}."],
     ["I'm allergic to {}.", "{} makes me ill.", "I react badly to {}."], ["I'm also allergic to {}.", "Oh, and {} as well.", "I developed an allergy to {} too.", "Another allergy: {}."]),
    (FOODS, ["Put {} on the shopping list.", "We need {}.", "I have to buy {}.", "Get {} at the store."],
     ["We need {}.", "Put {} on the list.", "Get {}."], ["Add {} to the list.", "And {} too.", "Also {}.", "Don't forget {}.", "We're out of {} as well."]),
    (HOBBIES, ["I enjoy {}.", "My hobby is {}.", "I love {}.", "I do {} on weekends."],
     ["I enjoy {}.", "I like {}.", "On Sundays I do {}."], ["I also love {}.", "I've taken up {} as well.", "{} is another hobby of mine.", "Besides that I do {}."]),
    (LANGUAGES, ["I speak {}.", "I'm fluent in {}.", "I learned {} at school."],
     ["I speak {}.", "I know some {}."], ["I also speak {}.", "I've started learning {} too.", "Plus I know {}."]),
    (ANIMALS, ["I have {}.", "We own {}.", "We keep {}."],
     ["I have {}.", "At home there is {}."], ["We also have {}.", "We just got {} too.", "We adopted {} to keep it company.", "There's {} as well."]),
    (PEOPLE, ["My son is called {}.", "I have a daughter named {}.", "My kid {} is six."],
     ["My other child is {}.", "My daughter is called {}."], ["My second child is {}.", "We also have a son, {}.", "{} is our youngest, born this year."]),
    (PEOPLE, ["My brother is called {}.", "{} is my sister.", "I have a cousin named {}."],
     ["{} is my cousin.", "My sister is {}."], ["I also have a brother named {}.", "{} is my other sister."]),
    (PEOPLE, ["Invite {} to the party.", "{} is coming to dinner.", "Put {} on the guest list.", "{} is on my team."],
     ["{} is coming.", "Invite {}."], ["{} is coming too.", "Please invite {} as well.", "Add {} to the guest list.", "{} joined the team."]),
    (CITIES, ["We'll stop in {}.", "I want to visit {}.", "{} is on our route.", "I've been to {}."],
     ["I want to see {}.", "I've been to {}.", "We'll spend a day in {}."], ["Then we go on to {}.", "Let's also stop in {}.", "Add {} to the trip.", "After that we'll visit {} too."]),
    (MEDS, ["I take {}.", "I'm on {}.", "My doctor prescribed {}."],
     ["I take {} in the morning.", "I use {}."], ["I'm also taking {}.", "She added {} to my prescriptions.", "In addition I take {}."]),
    (TITLES, ["I read {} last year.", "I've read {}.", "I own a copy of {}."],
     ["I read {} in school.", "I liked {}."], ["I've also read {}.", "{} was another good read.", "I bought {} as well."]),
    (TOOLS, ["I know {}.", "I have experience with {}.", "We list {} as a skill."],
     ["I know {}.", "I've worked with {}."], ["I've also picked up {}.", "I know {} too.", "Add {} to my skills."]),
    (FEATURES, ["The app needs {}.", "We want {}.", "The client asked for {}."],
     ["The app should have {}.", "They want {}."], ["They also want {}.", "Please add {} to the requirements.", "And {} as well."]),
    (SIGHTS, ["We want to see {}.", "Put {} in the itinerary.", "On Monday we visit {}."],
     ["We'll see {}.", "On Tuesday we visit {}."], ["Let's also see {}.", "Add {} to the itinerary.", "And {} in the afternoon, too."]),
    (GIFTS, ["I bought her {}.", "Get him {} for his birthday.", "On my wish list is {}."],
     ["I'd like {} for Christmas.", "I bought {}."], ["I also bought {}.", "Put {} on the list as well.", "And {}."]),
    (SUBJECTS, ["I'm taking {} this term.", "I have a class in {}.", "I tutor {}."],
     ["I have {} on Fridays.", "I take {}."], ["I'm also taking {}.", "I signed up for {} too.", "I added a class in {}."]),
    (GENRES, ["I like {}.", "I listen to {}."], ["I like {}."], ["I like {} as well.", "I'm also into {}.", "{} too."]),
    (DISHES, ["I like {}.", "I can cook {}."], ["I like {}."], ["I also like {}.", "I can make {} too."]),
    (COMPANIES, ["I applied to {}.", "I have an interview with {}.", "Our client is {}."],
     ["I applied to {}."], ["I also applied to {}.", "Another application went to {}.", "We signed {} as well."]),
    (DAYS, ["I have a dentist appointment on {}.", "I'm off on {}.", "I work on {}."],
     ["There's a concert on {}.", "I have football on {}."], ["I'm off on {} too.", "I also work on {}.", "And another appointment on {}."]),
    (MONEY, ["I spent {} on fuel.", "The first bill was {}.", "Log an expense of {}."],
     ["I spent {} on food.", "Log an expense of {} for paint."], ["Another {} went to parking.", "Add an expense of {}.", "The second bill was {}."]),
    (TIMES, ["Remind me at {} to take my pills.", "Set an alarm for {}.", "There is a bus at {}."],
     ["Remind me at {} to call home.", "There is a bus at {}."], ["And another alarm for {}.", "Set one for {} too.", "Also remind me at {}."]),
]

# What takes something off a list is a change of it.
# Of others: the same attribute of another person is another matter.
WHO = ["My sister", "My brother", "My mother", "My dad", "My best friend", "Our neighbour", "My boss", "My colleague", "My cousin", "My roommate", "My daughter", "My uncle"]
OF_OTHERS = [
    (CITIES, ["{w} lives in {}.", "{w} is based in {}."], ["{w} moved to {}.", "{w} lives in {} now.", "{w} has relocated to {}."], ["I live in {}.", "I moved to {}."]),
    (COMPANIES, ["{w} works at {}.", "{w} works for {}."], ["{w} switched to {}.", "{w} works at {} now.", "{w} just joined {}."], ["I work at {}.", "I work for {} now."]),
    (CARS, ["{w} drives {}.", "{w} has {}."], ["{w} traded it in for {}.", "{w} drives {} now."], ["I drive {}.", "I bought {}."]),
    (JOBS, ["{w} is {}.", "{w} works as {}."], ["{w} is {} now.", "{w} got promoted and is {}."], ["I'm {}.", "I work as {} now."]),
    (DAYS, ["{w} arrives on {}.", "{w} gets married on {}."], ["{w} arrives on {} instead.", "{w} moved it to {}."], ["I arrive on {}.", "My birthday is on {}."]),
    (NUMBERS, ["{w} runs {} miles a week.", "{w} has read {} books."], ["{w} is up to {} miles a week.", "{w} has now read {} books."], ["I run {} miles a week.", "I've read {} books."]),
]
REMOVED = ["I'm no longer into {}.", "Take {} off.", "Scratch {}, I don't need it.", "Remove {} again.", "Forget about {}.", "I gave up {}.", "Skip {} after all.", "No {} after all."]
OTHERS = ["My brother: ", "For my neighbour, it's different. ", "A friend of mine told me: ", "My colleague says: "]
ACKS = ["Got it.", "Noted, thanks.", "Okay!", "Great, anything else?", "I'll keep that in mind.", "Sure. What else can I do for you?", "Understood. Shall I go on?", "That sounds nice. How can I help?"]
CHAT = [("What's the weather like tomorrow?", "Probably sunny with some clouds."), ("Tell me a joke.", "Why did the bicycle fall over? It was two tired."),
        ("How do I boil an egg?", "Simmer it for about eight minutes."), ("Thanks, that helps.", "You're welcome."),
        ("Can you proofread this paragraph?", "Of course, please paste it."), ("What is a good name for a blog?", "How about Field Notes?"),
        ("How far is the moon?", "About 384,000 kilometres."), ("I slept badly last night.", "I'm sorry to hear that."),
        ("Give me a quick workout.", "Ten squats, ten push-ups, a minute of plank."), ("Explain compound interest.", "Interest is also paid on earlier interest."),
        ("Who wrote Don Quixote?", "Miguel de Cervantes."), ("I need some motivation today.", "One small step is enough to begin.")]
LEADS = ["", "", "", "By the way, ", "Oh, ", "So ", "Hi! ", "Just so you know, ", "FYI, ", "Thanks! ", "Quick note: "]
TAILS = ["", "", "", " Can you suggest something for tonight?", " What do you think?", " Do you have any tips?", " Please keep it in mind."]


def said(template, value, rng, long_winded):
    text = template.format(value)
    text = text[:1].upper() + text[1:]
    if long_winded:
        lead, tail = rng.choice(LEADS), rng.choice(TAILS)
        keep = text.startswith(("I ", "I'", value))
        text = lead + (text if not lead or keep or lead.endswith("! ") else text[:1].lower() + text[1:]) + tail
    return text if rng.random() < 0.9 else text.lower()


def fitting(templates, at):
    """Those that go with the first wording number `at`: "2|…" goes with that alone."""
    split = [t.split("|") for t in templates]
    return [t[-1] for t in split if len(t) == 1 or int(t[0]) == at]


def one(rng):
    """(old text, new text, label, attribute)."""
    winded = rng.random() < 0.5
    say = lambda template, value: said(template, value, rng, winded)
    kind = rng.random()
    if kind < 0.12:
        return of_others(rng, say)
    if kind < 0.55:
        group = rng.randrange(len(SINGLE))
        values, first, bare, cued = SINGLE[group]
        a, b = rng.sample(values, 2)
        at = rng.randrange(len(first))
        old = say(first[at], a)
        cued, bare = fitting(cued, at), fitting(bare, at)
        how = rng.random()
        if how < 0.62:
            return old, say(rng.choice(cued or [first[at]]), b), 1, group
        if how < 0.74:
            return old, say(rng.choice(bare + [first[at]]), b), 1, group
        if how < 0.82:
            return old, say(rng.choice(bare + [first[at]]), a), 0, group
        if how < 0.88:
            return old, rng.choice(OTHERS) + say(rng.choice(bare + [first[at]]), b), 0, group
        if how < 0.94:
            return old, rng.choice(["Have you heard of {}?", "Is {} any good?", "What can you tell me about {}?", "What if it were {}?", "Compare that with {}."]).format(b), 0, group
        other = rng.choice([s for s in SINGLE if s[0] is not values])
        template = rng.choice(other[2] + other[3]).split("|")[-1]
        return old, say(template, rng.choice(other[0])), 0, group
    group = rng.randrange(len(PLURAL))
    values, first, bare, cued = PLURAL[group]
    group += len(SINGLE)
    a, b = rng.sample(values, 2)
    at = rng.randrange(len(first))
    old = say(first[at], a)
    how = rng.random()
    if how < 0.5:
        return old, say(rng.choice(cued), b), 0, group
    if how < 0.8:
        return old, say(rng.choice(bare + [first[at]]), b), 0, group
    if how < 0.9:
        return old, say(rng.choice(REMOVED), a), 1, group
    if how < 0.95:
        return old, say(rng.choice(["Swap {} for " + b + ".", "Instead of {}, " + b + ".", "Replace {} with " + b + "."]), a), 1, group
    return old, say(rng.choice(bare), a), 0, group


def of_others(rng, say):
    """The attribute of one person, then of the same, of another, or of oneself."""
    group = rng.randrange(len(OF_OTHERS))
    values, first, later, own = OF_OTHERS[group]
    group += len(SINGLE) + len(PLURAL)
    a, b = rng.sample(values, 2)
    at = rng.randrange(len(first))
    who, other = rng.sample(WHO, 2)
    old = say(first[at].replace("{w}", who), a)
    how = rng.random()
    if how < 0.45:
        return old, say(rng.choice(later).replace("{w}", who), b), 1, group
    if how < 0.75:
        return old, say(rng.choice(first + later).replace("{w}", other), b), 0, group
    mine = say(rng.choice(own), b)
    return (old, mine, 0, group) if how < 0.88 else (mine, old, 0, group)


def make(count, seed):
    """Yields `count` conversations."""
    rng = random.Random(seed)
    for _ in range(count):
        old, new, label, group = one(rng)
        turns = []
        for _ in range(rng.choice([0, 0, 1, 2])):
            turns += zip(("user", "assistant"), rng.choice(CHAT))
        first = len(turns)
        turns.append(("user", old))
        if rng.random() < 0.7:
            turns.append(("assistant", rng.choice(ACKS)))
        for _ in range(rng.choice([0, 0, 0, 1, 2, 4, 12])):
            turns += zip(("user", "assistant"), rng.choice(CHAT))
        turns.append(("user", new))
        yield turns, len(turns) - 1, first, label, group
