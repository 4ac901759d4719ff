"""Own sentences as a chatbot says them, labelled by hand. Knows templates and a seed; reads no file.

GoEmotions is Reddit: its questions count as surprise, its disgust is mostly contempt, and nobody in it
reads out an opening hour. These templates (our own work, written for this project) add what is missing:
plain information and questions that stay neutral, apology and sympathy, good news, warnings, rotten food,
negations, complaints in happy words, two feelings in one sentence.

`{a|b|c}` picks one; an empty choice is allowed. Labels are names joined by "+".
"""

# ruff: noqa: E501 - a template a line is easier to read than a wrapped one

from __future__ import annotations

import random
import re

TEMPLATES: dict[str, tuple[str, ...]] = {
    "neutral": (
        "{Sure|Okay|Alright|Certainly|Of course}, {let me check that for you|one moment please|I will look it up|let me see what I can find}.",
        "{Your|The} {order|parcel|package|delivery|invoice} {number|reference|tracking code} is {4 7 1 1|12345|A B 9 0 2|the one at the top of the page}.",
        "{Your|The} {appointment|meeting|call|reservation} is {on|set for|booked for} {Monday|Tuesday|Friday|the third of May|tomorrow} at {nine|half past ten|3 pm|noon}.",
        "{Could|Can|Would} you {please |}{tell me|give me|confirm|spell} your {name|address|order number|email address|date of birth}?",
        "{How|What} can I {help you with|do for you} {today|now|}?",
        "How {can|may} I {help|assist} you{ today| this morning|}?",
        "What {would you like to know|is your question|are you looking for|size do you need|colour would you like}?",
        "Is there anything else {I can help you with|you would like to know|you need}?",
        "Which {one|date|plan|size|language} {do you prefer|would you like|should I choose|do you want}?",
        "Do you {want|need|prefer} the {morning|blue|larger|second|monthly} {one|option|version|slot}?",
        "You can {find|change|see|edit} {it|this|that|the setting} {under|in} {Settings|Preferences|your profile|the menu on the left}.",
        "{Click|Press|Tap|Select} {the|on the} {green|second|upper|back} {button|link|icon|tab} {to continue|and wait|, then enter your password}.",
        "{First|Next|Then|After that}, {open|start|close|restart} the {app|browser|program|window} and {choose|select} {Update|New|Export|Help}.",
        "The {shop|office|museum|library|store} {is open|opens|closes} {from nine to five|at eight|on weekdays|at six in the evening}.",
        "{It|This|The whole thing} {takes|will take|lasts|needs} about {ten minutes|an hour|two days|three weeks}.",
        "The {train|bus|flight|ferry} {leaves|departs|arrives} at {seven fifteen|noon|10:40|a quarter to six} from {platform two|gate B|the main station}.",
        "{Tomorrow|On Sunday|This afternoon} it will be {cloudy|partly sunny|about fifteen degrees|dry with light wind}.",
        "The {capital|largest city|currency|main language} of {France|Japan|Brazil|Kenya} is {Paris|Tokyo|the real|Swahili|spoken of in chapter two}.",
        "{Water|The mixture|The oven|The engine} {boils|should stand|heats up|runs} at {one hundred|ninety|two hundred and twenty} {degrees|}.",
        "{There are|We have|The list has} {three|four|seven|twelve} {options|steps|rooms|entries|chapters}.",
        "{As I said|As mentioned|To sum up|In short}, {the price is|the total is|it costs} {twenty euros|forty dollars|nine ninety-nine}.",
        "{Please|You should|You may want to} {enter|keep|write down|have ready} your {password|ticket|receipt|customer number}.",
        "{I have|I've} {updated|saved|noted|sent|recorded} {your address|the changes|it|the file|your request}.",
        "I {am|'m} {a virtual assistant|an AI model|a computer program}{ and I can answer questions about your account|, so I do not have a body|}.",
        "{The|Your} {file|document|report|message} {has|contains} {two pages|a table|five sections|four attachments}.",
        "{According to|In|Based on} {the manual|the report|our records|the timetable}, {it starts at eight|the value is twelve|you ordered two items|the part is made of steel}.",
        "{A|The} {photon|cell|verb|function|contract} is {a particle of light|the smallest unit of life|a word for an action|a piece of code|an agreement between two parties}.",
        "{He|She|The author|The committee} {was born in|wrote it in|met in|moved to} {1874|the nineteen sixties|Vienna|the north of the country}.",
        "{I'm|I am} not {angry|upset|sad|worried|afraid|surprised}{ at all| about it| about that|}.",
        "{There is|There's} no {problem|reason to worry|need to be afraid|hurry|anger in it}.",
        "{No|Don't worry}, {nothing has changed|that is only the usual notice|it is just a routine check|the numbers are the same as last week}.",
        "It is {neither|not} {good|great} {nor|or} {bad|terrible}{, just average|, it is okay|}.",
        "{Let's|We can} {begin|continue|go on} with {the next step|chapter two|the second question|your account details}.",
        "{If|When} you {like|want|are ready}, {say continue|we can go on|I can read the next part|type yes}.",
        "{One|Two|Three}: {select a file|enter the amount|wait for the code}. {Two|Three|Four}: {press send|confirm|close the window}.",
        "{Hello|Hi|Good morning|Good evening}, {this is the front desk|you have reached customer service|my name is Ava and I am your assistant}.",
        "{Your|The} {balance|total|deposit|refund} is {120 dollars|fifty-two euros|the same as before|shown below}.",
        "{Turn|Go|Walk} {left|right|straight ahead} {at the lights|after two hundred metres|and then take the second street}.",
        "{The|This} {model|version|device} {supports|comes with|uses|needs} {two batteries|a USB cable|the new format|version three}.",
        "I {can|could} {also |}{explain|summarise|translate|repeat} {it|that|the text} {for you|in one sentence|}.",
        "{Could|Can|Would|May} {you|I} {please |}{have|see|look at|repeat|note} {your|the} {ticket|account number|postcode|phone number|reference} {once more|again|}?",
        "{Do|Did} you {have|know|remember} {your|the} {customer number|order date|booking code|serial number|name on the account}{ at hand| by any chance|}?",
        "{When|At what time|On which day|Where} {would you like|do you want|did you plan} to {arrive|travel|start|pick it up|have it delivered}?",
        "{Would|Will} {that|it|this} be {all|everything|for one person|by card or in cash|single or return}?",
        "{How many|How much|How long|How far} {people are coming|does it cost|does the trip take|is it to the station|bags do you have}?",
        "{Shall|Should} I {read it out|book it|send it by mail|put it on the list|go on} {for you|now|}?",
        "{I was|I am|We were|They are} {never|not} {angry|mad|furious|annoyed} {at|with} {you|him|her|anyone}{, I promise| about that|}.",
        "{He|She|My boss|The teacher} {is|was} not {angry|sad|scared|disgusted|surprised|upset} {by it|about that|at all|any more}.",
        "{I|We} {don't|do not|did not|didn't} {feel|find it|think it is} {scary|sad|disgusting|surprising|annoying}{ at all|, to be honest|}.",
        "{Nobody|No one} {was|is} {hurt|angry|upset|scared|in danger}{, everything is as usual| about it|}.",
        "{Please|You can|We ask you to} {stay calm|remain seated|keep to the right|walk slowly} {and wait for instructions|until the light goes out|while we check the tickets|}.",
        "{Thanks|Okay|Fine|Right}, {I will get back to you|noted|then we go on with the next item|I have written that down}.",
        "{A happy|A sad|An angry|A frightened} {ending|face|customer|child} is {described on page nine|drawn in the left corner|shown in figure two|the topic of the essay}.",
        "{The word|The song|The film} {is called|begins with|is about} {love|fear|anger|joy|disgust} {and has four verses|and lasts two hours|in Latin|}.",
    ),
    "joy": (
        "{Great|Good|Wonderful|Fantastic|Excellent} news{!|:} {your|the} {refund was approved|package is here|flight is on time|test results are all clear|loan went through|tickets are confirmed}{!|.}",
        "{Congratulations|Well done|Bravo|Hooray}{!|,} {you passed|you did it|you have won|that is a fantastic result|you made it to the final}{!|.}",
        "{I'm|I am} {so |really |very |}{happy|glad|delighted|pleased|thrilled} {to hear that|for you|to help|that it works now|you like it|to see you again}{!|.}",
        "{Thank you|Thanks} {so much|very much|a lot|} for {your patience|waiting|your kind words|the lovely feedback|being with us}{!|.}",
        "You're {very |most |}welcome{!|, it was a pleasure!|. Have a lovely day!}",
        "{Welcome|Welcome back}{!|, it is so nice to see you!|, we are glad you are here!}",
        "{Have|I wish you} a {wonderful|great|lovely|fantastic} {day|weekend|trip|evening|birthday}{!|.}",
        "{That|This|It} {sounds|looks|is} {wonderful|amazing|fantastic|lovely|perfect|brilliant|great}{!|.}",
        "{Happy birthday|Merry Christmas|Happy New Year}{!|, and all the best!| to you and your family!}",
        "{Yay|Yes|Woohoo|Hurray}{!|,} {it works|we did it|everything is ready|they said yes|we won}{!|.}",
        "I {love|really like|adore|enjoy} {it|this song|your idea|working with you|the way you wrote this}{!|.}",
        "{Haha|Ha ha|Hehe}, {that was a good one|you are funny|that made me laugh|I like your humour}{!|.}",
        "{Awesome|Perfect|Brilliant|Super|Lovely}{!| -|,} {all done|you are all set|everything is booked|we are ready to go}{!|.}",
        "{Good|Great|Nice} {job|work}{!|,} {you are getting better every day|that was a very good answer|keep it up}{!|.}",
        "{We|I} {can't|cannot} wait to {see you|show you|welcome you|celebrate with you}{!|.}",
        "{What a|Such a} {beautiful|lovely|wonderful|great} {day|gift|picture|surprise party|idea}{!|.}",
        "{The|Our} {children|guests|kids} {laughed|danced and sang|had so much fun|were so happy} {all evening|the whole day|at the party}.",
        "You {have|'ve} {earned|won|unlocked} {a reward|a free month|a gift card|a bonus}{! Enjoy!|!|. Congratulations!}",
        "{Sounds good|Good choice|Great choice|Excellent choice}! {You will love it.|It is one of our favourites.|I am sure you will enjoy it.|}",
        "{I'm|I am} {so |very |}{proud of|grateful to|excited for} {you|all of you|our team}{!|.}",
        "{Don't worry|No worries|Hang in there}, {we will fix this together|I am here for you|you can do it|it will all be fine}{!|.}",
        "{Hi|Hello|Hey}{ there|}! {It's great to meet you|So good to see you|Lovely to hear from you|I am excited to get started}{!|.}",
        "{I'm|I am} {not scared|no longer sad|not worried|not nervous} any more, {I feel great|it all turned out fine|I am happy again}{!|.}",
        "{There's|There is} nothing {I would rather do|better than this|that makes me happier}{!|.}",
        "{It|This|That} {wasn't|was not} {bad|boring|terrible} at all, {I loved it|we had so much fun|it was wonderful}{!|.}",
        "{What a relief|Phew|Thank goodness}{!|,} {the test came back clear|nobody was hurt|we made it in time|it was not broken after all}{!|.}",
    ),
    "sadness": (
        "{I'm|I am|We are} {so |very |really |truly |deeply |}sorry {for your loss|about that|that this happened to you|you had to go through this|for the trouble|about your grandmother|that you feel this way}.",
        "{I'm|I am} sorry{,| but} {we could not find it|your request was declined|the concert has been cancelled|the last ticket is gone|I cannot help you with that|nothing can be done any more}.",
        "{Unfortunately|Sadly|Regrettably}, {the flight was cancelled|we have lost the file|your application was not accepted|the shop had to close for good|he did not make it|the plant died}.",
        "{My|Our} {deepest|heartfelt|sincere} {condolences|sympathy}{ to you and your family| for your loss|}.",
        "{We|I} {apologise|apologize} {for the inconvenience|for the long wait|sincerely|for the mistake|for the bad experience}.",
        "{That|It} must {be|have been} {so |very |}{hard|painful|difficult|lonely} {for you|for your family|}.",
        "{That's|That is|It is} {so |very |really |}{sad|heartbreaking|unfortunate|a pity|a shame}.",
        "I {miss|really miss} {her|him|my friends|the old days|home} {so much|every day|}.",
        "{Oh no|Oh dear|Aww}{,|...} {that is such a pity|I am sorry you are feeling down|you must be so disappointed|what a sad story}.",
        "{She|He|They} {cried|wept|sat alone} {all night|in the dark|for hours} {after the news|because nobody came|}.",
        "{I'm|I am} {so |really |}{disappointed|unhappy|heartbroken|down} {today|with the result|that it ended like this|}.",
        "{I'm|I am} not {happy|glad|pleased} {about|with} {this|the result|how it went|it at all}.",
        "{My|Our|Her} {dog|cat|grandfather|best friend} {died|passed away} {last night|yesterday|in the spring|}.",
        "{I|We} {failed|lost} {again|the match|everything|my job}{ and I feel empty|, it hurts|}.",
        "{I wish|If only} I {could help you more|had better news|could turn back time|had said goodbye}.",
        "{It|This} {hurts|breaks my heart|makes me sad} to {see you like this|hear that|say goodbye|let you go}.",
        "{We|They} had to say goodbye {forever|to our home|to the old team|at the hospital}.",
        "{Nobody|No one} {called|came|remembered my birthday}{, and I feel so lonely|. I was all alone|}.",
        "I {feel|have been feeling} {so |}{lonely|hopeless|miserable|empty} {lately|today|since you left|}.",
        "{I regret|We regret} to {inform you|tell you} that {your application was unsuccessful|the event will not take place|we have to let you go}.",
        "{I|We} {used to|once could} {laugh|be happy|dance} {here|together|every summer}, {and now it is over|but not any more|and it will never be like that again}.",
        "{I'm|I am} {smiling|laughing}{ on the outside|}, but {inside I am crying|I feel empty|my heart is broken}.",
        "{Nothing|No joke|No music} {makes me happy|cheers me up|feels good} {any more|these days|since she died}.",
        "{I|We} {don't|do not} {feel happy|feel good|enjoy anything|smile} {any more|lately|these days}.",
        "It {isn't|is not} {fun|nice|funny} {without you|being alone|to lose again}.",
    ),
    "anger": (
        "{This|That} is {completely |totally |absolutely |}{unacceptable|outrageous|ridiculous|infuriating|not okay}{!|.}",
        "{I'm|I am} {so |really |absolutely |}{angry|furious|mad|fed up|annoyed} {with you|about this|right now|at them}{!|.}",
        "{Stop|Quit} {it|lying to me|shouting at me|wasting my time|interrupting me} {right now|this instant|}{!|.}",
        "How dare {you|they}{!| talk to me like that!| do this to us!| blame her for it!}",
        "{I've|I have} {told you|asked you|called} {three|four|a hundred} times {already|and nobody cares|and still nothing works}{!|.}",
        "{Leave me alone|Get out|Go away|Shut up|Enough}{!|, I mean it!| already!}",
        "{This|Your} {stupid|damn|useless} {machine|app|printer|service|website} {never works|crashed again|is a joke|keeps hanging up on me}{!|.}",
        "{I want|I demand} {my money back|to speak to the manager|an apology|an explanation} {now|right now|immediately}{!|.}",
        "{You|They} {lied to me|broke your promise|cheated us|ruined everything|stole my work}{!| and you will pay for it!| again!}",
        "{That's|That is} not {funny|fair|what we agreed on}{!|, and you know it!| at all!}",
        "{I|We} {hate|can't stand} {it when people lie|this constant noise|being ignored|waiting for nothing}{!|.}",
        "{What is wrong with you|Are you kidding me|Who do you think you are}{?|?!| !}",
        "{It|This} {makes me|drives me} {so angry|mad|furious|crazy} {that nobody listens|when they do this|every single time|}{!|.}",
        "{Idiot|Liar|Coward}! {You did this on purpose.|You knew it all along.|I trusted you!|}",
        "{Don't|Do not} {ever |you dare |}{touch that|speak to her like that|do that} again{!|.}",
        "{I'm|I am} {sick|sick and tired} of {your excuses|being lied to|this nonsense|waiting}{!|.}",
        "Two hours {on hold|of waiting} and {then you hang up on me|nobody answers|they just laugh at me}{!|?!}",
        "{Oh great|Just great|Oh wonderful|How lovely|Oh perfect|Fantastic}, {another delay|it crashed again|now the screen is broken too|they lost my luggage again|the bill doubled|you forgot it again}.",
        "{Thanks a lot|Thanks for nothing|Well done|Nice job}, {you broke it|now I missed my train|you ruined my evening|you deleted the whole file}.",
        "{What a|Such a} {joke|great service|brilliant idea}{:|,} {two hours in the queue and nobody there|you charge me for your own mistake|the phone just rings and rings}.",
        "{Your|This|The} {company|support|hotel|airline} is {a joke|a complete joke|laughable|a bad joke} {and I want a refund|and I am done with it|, give me my money back|}.",
        "{I love|I just love|I really enjoy} {how you ignore me|being hung up on|waiting three hours for nothing|paying twice for the same thing}{.|...}",
        "{Good for you|How nice for you|Lucky you}, {I have been waiting since noon|some of us have to work|we still have no heating}{!|.}",
        "{I'm|I am} not {going to take this|paying for this|putting up with this} {any more|any longer|again}{!|.}",
    ),
    "fear": (
        "{I'm|I am} {so |really |very |}{scared|afraid|frightened|terrified|nervous} {of the dark|right now|of what comes next|to go in there|that I might lose her|}{!|.}",
        "{Watch out|Look out|Be careful|Danger}{!|,} {there is a car coming|the floor is slippery|it is going to fall|the wire is live}{!|.}",
        "{Help|Oh God|Please help}{!|,} {somebody is in the house|I can't breathe|it is coming closer|the building is on fire}{!|.}",
        "{I'm|I am} {really |very |a bit |}worried {about you|about the surgery|that something bad has happened|we will not make it|about the test results}.",
        "{What if|I fear} {it happens again|they find us|the plane crashes|it is cancer|nobody comes to help us}{?|...}",
        "{My|Her|His} {hands|legs|knees} {were shaking|are trembling|would not stop shaking} {with fear|in the dark|before the exam|}.",
        "{Run|Hide|Get down}! {They are coming.|It is right behind you!|He has a gun!|Don't let it see you!}",
        "{Something|Someone} is {moving|breathing|standing} {behind the door|in the dark|right behind me}{...|.|!}",
        "{I heard|There were} {footsteps|screams|a strange noise} {in the attic|outside at night|coming closer} {and I froze|and my heart was pounding|}.",
        "{This|That|It} is {terrifying|scary|so frightening|a nightmare|creepy}{!|.}",
        "{I'm|I am} {dreading|so anxious about|panicking about} {the exam|tomorrow|the operation|the interview}.",
        "{Warning|Attention}: {this is an emergency, leave the building at once|a dangerous storm is coming, seek shelter now|do not go near the edge, you could die}{!|.}",
        "{Please|I beg you}, don't {leave me alone in here|hurt me|turn off the light|tell them where I am}{!|.}",
        "{I had|She had} {a panic attack|a terrible nightmare|an awful fear of falling} {last night|on the plane|again}.",
        "{I|We} {don't|do not} feel safe {here|in this street|at night|any more}.",
        "{I was|They were} {scared to death|petrified|frozen with fear|so afraid} {when the lights went out|as the ground began to shake|in that tunnel}.",
        "{Please|Everybody} {leave|get out of|evacuate} the {building|house|train|area} {immediately|at once|now}, {there is a fire|there is a gas leak|it is not safe|it may collapse}{!|.}",
        "{Stay calm|Keep calm|Do not panic}{,| and} {leave the station at once|the building must be evacuated|take shelter now|help is on its way}{!|.}",
        "{I|We} {can't|cannot} {sleep|relax|breathe} {because I am afraid|for fear of what comes|when I think of tomorrow|when he is near}.",
        "{I'm|I am} not {sure it is safe|safe here|ready to die}{, please help me| and it scares me|...|.}",
    ),
    "disgust": (
        "{Yuck|Ew|Eww|Ugh|Yikes|Gross|Bleh}{!|,} {that smells awful|there is mould on the bread|it smells like vomit|this milk has gone off|there is a hair in my soup|it is full of maggots}{!|.}",
        "{It|This|The fridge|The whole kitchen|The bathroom} {smells|stinks|reeks} {like a sewer|of rotten eggs|of rotten fish|so bad I want to throw up|like something died in there|of sweat and garbage}{!|.}",
        "{That|This|It} is {so |really |absolutely |just |}{disgusting|gross|revolting|nasty|sickening|repulsive}{!|.}",
        "{I think I'm|I am} going to {be sick|throw up|vomit}{!|, that is so gross.| from that smell.}",
        "{The|That} {food|meat|soup|fish|cheese} {was|is} {slimy|rotten|mouldy|crawling with worms|foul} {and tasted awful|and made me gag|}{!|.}",
        "There {are|were} {cockroaches|maggots|flies|worms|rat droppings} {in the food|all over the kitchen|in my shoe|on the plate}{!|, disgusting!|, yuck.}",
        "{He|She|Somebody} {spat on the floor|picked his nose and ate it|sneezed right into the salad|left used tissues on the table}{, how gross!|, ew.|. Revolting.}",
        "{The|This} {toilet|carpet|sink|mattress} is {filthy|covered in slime|stained and sticky|full of hair}{, ugh!|, it is revolting.| and it stinks.}",
        "{It|That} {makes me sick|turns my stomach|makes my skin crawl|grosses me out} {just to think of it|every time|to look at it|}{!|.}",
        "{I can't|I cannot} {eat|drink|touch|look at} that{, it is gross|, it is all slimy|, it makes me want to vomit|, yuck}{!|.}",
        "What {a disgusting|a revolting|a foul|an awful rotten} {smell|taste|mess|stench}{!|.}",
        "{Pus|Snot|Blood and slime|Vomit|Rotten food} {dripped|ran|was smeared} {all over the table|down the wall|onto his shirt}{, so gross|, ew|}.",
        "Your {breath|socks|shoes|room} {stink|stinks|smell disgusting|smells like a dead rat}{!|, ugh.|.}",
        "{Don't|Do not} {eat|touch} {that|it}, {it's rotten|it is mouldy and gross|it has been in the bin|it is covered in flies}{!|.}",
        "{The way he talks about women|What they did to those animals|His behaviour} is {vile|disgusting|repulsive|sickening}.",
        "{This|It} tastes {like soap and dirt|disgusting|vile|like old socks}{, yuck!|, I had to spit it out.|.}",
        "{The smell|That stench|The taste|The sight} of {it|old fish|the drain|this cheese|sour milk} {makes me gag|turns my stomach|is disgusting|is unbearable|made me retch}{!|.}",
        "{Somebody|The dog|The cat|A guest} {threw up|vomited|peed} {on the carpet|in the car|all over the sofa}{, yuck|, it is so gross|, what a stink|}{!|.}",
        "{There's|There is|I found} {mould|slime|a dead fly|somebody's nail|chewing gum|a cockroach} {in|on|under} {my food|the cup|the table|my bed}{, eww|, disgusting|, gross}{!|.}",
        "{I|We} {refuse to|won't|would never} {eat|touch|drink} {that|this filth|this slop}{, it smells foul|, it looks slimy|, just looking at it makes me sick}.",
        "{He|She|That guy} {chews with his mouth open|burps at the table|never washes his hands|wipes his nose on his sleeve}{, it's revolting|, so nasty|, gross}{!|.}",
        "{Blood|Pus|Slime|Sewage|Grease} {everywhere|on everything|in the sink}{, yuck|, it is nauseating|, I nearly threw up}{!|.}",
        "{What a|Such a} {repulsive|vile|nasty|nauseating} {creep|man|habit|thing to say|joke}{!|.}",
        "{It|This|The milk} {has gone off|went bad|is past its date} and {smells vile|tastes sour and rotten|is all lumpy|stinks to heaven}{!|.}",
    ),
    "surprise": (
        "{Wow|Whoa|Oh my God|Oh my gosh|Oh}{!|,} {I did not expect that|I had no idea|I never saw that coming|that came out of nowhere|is that really you}{!|?!|.}",
        "{What|Really|Seriously}{?!|?| ?} {I can't believe it|You are here already|He said that|That is impossible|You did all that in a day}{!|?|.}",
        "{I'm|I am} {really |totally |so |}{surprised|amazed|astonished|stunned|speechless}{!|.| to see you here.| by the result.}",
        "{I|We} {can't|cannot|couldn't} believe {it|my eyes|what I am seeing|how fast that was|that it was you all along}{!|.}",
        "{Suddenly|All of a sudden|Out of nowhere}, {the lights went on and everyone shouted my name|he stood right there|it started to snow in July|the statue moved}{!|.}",
        "{No way|Unbelievable|Incredible}{!|,} {they are twins|it was there the whole time|he is only nine years old|you guessed my card}{!|?|.}",
        "{Who|Who on earth} would have {thought|guessed|expected} {that|it|such an ending}{?|?!|!}",
        "{That's|That is|What} {a surprise|an unexpected turn|a twist|so unexpected}{!|.}",
        "{Surprise|Guess what|You won't believe this}! {Look who is here.|It changed colour overnight.|There is a door behind the shelf.|The answer is zero.}",
        "{Huh|Hm|Oh}, {that is strange|how odd|that is not what I expected|I did not know that|how is that even possible}{.|!|?}",
        "{Hold on|Wait}{,| -} {what did you say|you two know each other|this is your house|he was the king}{?|?!}",
        "{I was|She was|They were} {completely |}{taken by surprise|astonished|caught off guard|shocked} {when the door opened|by the news|to find it empty|that it worked}.",
        "{I|We} {didn't expect|did not expect|never expected} {that|it|this} {so soon|at all|from him}{!|.}",
        "{How|Why} on earth did {that|it|he|you} {happen|get in here|know my name|change so fast}{?|?!}",
    ),
    "joy+surprise": (
        "{Wow|Whoa|Oh wow|Oh my God}{!|,} {that is amazing news|this is the best gift ever|you really did it|I won|that is fantastic}{!|.}",
        "{I can't|I cannot} believe {we won|I got the job|you came all this way to see me|it is really mine}{! I am so happy!|, this is wonderful!|!}",
    ),
    "sadness+surprise": (
        "{Oh no|Oh my God|What}{!|,} {he is gone|I had no idea she was so ill|they closed it already|it is all lost}{.|?!}",
    ),
    "anger+disgust": (
        "{You|They} are {a disgusting|a vile|a filthy} {liar|coward|human being}{!|.}",
        "How can {you|anyone} {serve|sell} {rotten meat|this filth|such garbage}{?! It is disgusting!|, that is revolting!|?!}",
    ),
    "fear+surprise": (
        "{Aah|Ah|Oh God}{!|,} {what was that|you scared me to death|where did that come from|who is there}{?!|!}",
    ),
    "joy+sadness": (
        "{I'm|I am} {happy|glad|proud} {for you|that you got the job|she found someone}, but {I will miss you so much|it makes me sad that you leave|it hurts to see you go}.",
        "{It|This} is {bittersweet|a happy and a sad day}{: we won, but without her|, and I laugh and cry at once|}.",
        "{Sadly|Unfortunately} {we lost|it is over}, but {we had a wonderful time|I loved every minute|I am so proud of the team}.",
    ),
    "fear+joy": (
        "{I'm|I am} {so |really |}{excited|happy} and {a bit |a little |so |}{nervous|scared|afraid} {about tomorrow|to start the new job|to become a father|at the same time}{!|.}",
    ),
    "anger+sadness": (
        "{I'm|I am} {hurt and angry|so disappointed and mad|sad and furious} {that you lied to me|about what they did|with how it ended}{!|.}",
    ),
}  # fmt: skip

_CHOICE = re.compile(r"\{([^{}]*)\}")


def expand(template: str, rng: random.Random) -> str:
    """One sentence of a template: every `{a|b}` replaced by one of its choices."""
    sentence = _CHOICE.sub(lambda match: rng.choice(match.group(1).split("|")), template)
    return (
        " ".join(sentence.split())
        .replace(" ,", ",")
        .replace(" .", ".")
        .replace(" !", "!")
        .replace(" ?", "?")
        .replace(" 'm", "'m")
        .replace(" 've", "'ve")
    )


def make(seed: int, *, per_template: int = 8, held_out: bool = False) -> list[tuple[str, tuple[str, ...]]]:
    """Sentences with their emotions, no sentence twice.

    Every seventh template is never trained on: `held_out` gives the sentences of those, otherwise of all
    others, so the figure on held-out templates tells whether the wording or the meaning was learned.
    """
    rng = random.Random(seed)
    sentences: dict[str, tuple[str, ...]] = {}
    for labels, templates in TEMPLATES.items():
        for number, template in enumerate(templates):
            if (number % 7 == 3) != held_out:
                continue
            for _ in range(per_template):
                sentences[expand(template, rng)] = tuple(labels.split("+"))
    return list(sentences.items())
