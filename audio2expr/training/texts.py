"""What is said in the training set: a few sentences a language that are always there, and a folder of texts
if one is given.

Meaning does not matter, sounds do: a language without texts of its own borrows those of a neighbour that is
written alike.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np

BUILT_IN: dict[str, tuple[str, ...]] = {
    "eng": (
        "My papa baked a big apple pie, but the baby put plum jam upon the map.",
        "She thought my brother was joyful about the treasure in the church.",
        "Five very brave wolves have fought over the vivid village before.",
        "We would always wear wool when the weather grew worse.",
        "Please bring these things to the people at the public meeting by three.",
        "Who moved the blue shoes into the cool pool room at noon?",
        "Father bought hot coffee and walked along the long dark path to the farm.",
        "I hope you may remember the names of both members of my family.",
        "Perhaps Bob might buy a box of pepper from the big shop near the pub.",
        "The judge measured each edge with huge care, and the usual vision came.",
    ),
    "chn": (
        "你好，我们都是中国人，爸爸妈妈不怕冷。",
        "明天我想跟朋友一起去北京学习普通话。",
        "请把那本白色的书放在桌子上面吧。",
    ),
    "deu": (
        "Schöne Grüße aus München, ich habe Äpfel und Pferde.",
        "Bitte bringen Sie mir morgen früh fünf Bücher über Pflanzen.",
    ),
    "esp": (
        "El niño bebe agua y mira la lluvia con su perro rojo.",
        "Mañana vamos a comprar pan, queso y vino para la abuela.",
    ),
    "fra": (
        "Un bon vin blanc, je peux manger une pomme bleue avec du beurre.",
        "Le petit garçon joue dans la rue, puis il mange une soupe chaude.",
        "Nous avons vu beaucoup d'oiseaux au-dessus de la mer bleue hier soir.",
        "Ma mère prépare souvent un gâteau aux prunes pour mes frères.",
        "Pourquoi as-tu peur de ce vieux monsieur qui habite au bout du chemin ?",
        "Bonjour, mes amis, vous pouvez prendre place près de la fenêtre.",
        "Il faut beaucoup de patience pour apprendre à bien peindre.",
        "Papa met une bûche dans le feu pendant que maman lit le journal.",
        "On mange bien dans ce petit restaurant au bord du fleuve.",
        "Quand il pleut, les enfants jouent à cache-cache dans le grenier.",
        "Cette femme a vendu son appartement pour voyager autour du monde.",
        "Le professeur explique la leçon aux élèves qui n'ont rien compris.",
        "Peux-tu me donner le numéro de ton bureau, s'il te plaît ?",
        "Ils ont bu un peu d'eau fraîche avant de reprendre le chemin.",
        "Je voudrais deux billets pour Bruxelles, première classe.",
        "Demain matin, nous ferons une promenade au bois avec Paul et Sophie.",
        "Personne ne savait où était passé le vieux bateau bleu.",
    ),
    "ita": (
        "Questo ragazzo mangia la pasta con il pomodoro e beve un bicchiere di vino.",
        "Domani mattina andremo al mare con i nostri amici più vecchi.",
        "Mia mamma prepara sempre un buon pranzo per tutta la famiglia.",
        "Buongiorno, vorrei prenotare una camera per due persone.",
        "Il bambino beve il latte e poi gioca nel parco con il pallone.",
        "Non ho mai visto una bicicletta così bella e veloce.",
        "Mio padre lavora in banca, ma preferirebbe fare il pompiere.",
        "Abbiamo comprato pane, pomodori, formaggio e una bottiglia di vino.",
        "La primavera è arrivata e gli uccelli cantano sugli alberi.",
        "Puoi aprire la finestra, per favore? Fa molto caldo qui dentro.",
        "Ieri sera abbiamo visto un film bellissimo al cinema del centro.",
        "Quando ero piccolo abitavo in un paese vicino al fiume.",
        "Sebbene piova da tempo, il campo è ancora asciutto e pieno di fiori.",
        "Che cosa pensi di questa proposta? Mi sembra abbastanza buona.",
        "Prima di partire bisogna controllare bene la macchina.",
    ),
    "ptbr": (
        "Não posso falar com o meu irmão porque ele mora muito longe.",
        "Amanhã bem cedo vamos à praia com a vovó.",
    ),
    "rus": (
        "Мама мыла раму и пила воду, а папа пошёл в магазин.",
        "Большая белая птица быстро полетела над морем.",
    ),
    "hin": (
        "यह एक बड़ा पेड़ है और मेरा भाई पानी पी रहा है।",
        "मुझे अपने परिवार के साथ फल और मिठाई बाँटना पसंद है।",
    ),
    "swe": (
        "Sju sjösjuka sjömän sköttes av sju sköna sjuksköterskor.",
        "Min mamma brukar baka bröd på morgonen.",
        "På bordet framför fönstret står en vas med blommor.",
        "Hon köpte en blå mössa och ett par varma vantar.",
    ),
    "ron": (
        "Mama a pus pâinea pe masă și a plecat la piață.",
        "Băiatul frumos vede un porumbel alb pe pod.",
        "Bunica mea prepară mâncare bună pentru toată familia.",
    ),
    "ukr": (
        "Добрий день, моя мама пече пиріг із яблуками.",
        "Великий білий птах полетів над полем.",
    ),
    "jpn": (
        "わたしは みずを のみます。 ともだちと いっしょに うみへ いきました。",
        "ふゆは さむいので、あついおちゃを まいにち のみます。 ぱんも たべます。",
        "このほんは とても おもしろいと おもいます。 ぼくも よみたいです。",
        "きょうは てんきが いいから、こうえんまで さんぽに いきましょう。",
        "まいあさ ぱんと たまごを たべて、ばすで がっこうへ いきます。",
        "ぼくの ぺんは つくえの うえに ありますか。",
        "びょういんの まえに おおきな ぴあのの みせが できました。",
        "もしもし、やまもとさんは いますか。 いいえ、まだ かえって いません。",
        "なつやすみに ともだちと ほっかいどうへ りょこうしました。",
        "むすめは えほんを よむのが とても すきです。",
        "ぶんかと れきしを まなぶために、きょうとを たずねたいと おもいます。",
        "ゆうべ へんな ゆめを みて、めが さめて しまいました。",
        "あめが ふって いるのに、こどもたちは そとで あそんで います。",
        "みんなで ばんごはんを たべながら、ふるい えいがを みました。",
        "ぽけっとの なかに ふるい てがみが はいって いました。",
    ),
    "tur": (
        "Güzel çocuk bahçede büyük bir top oynuyor.",
        "Babam pazar günü mutfakta balık pişirdi, biz de yedik.",
        "Bu sabah köpeğim beni uyandırdı.",
        "Mavi gömlekli adam her sabah bu parkta yürüyüş yapıyor.",
        "Öğretmenimiz bize yeni bir masal anlattı, hepimiz çok beğendik.",
    ),
    "pol": (
        "Mój brat kupił pięć białych bułek i poszedł do pracy.",
        "Chrząszcz brzmi w trzcinie, a babcia pije ciepłą herbatę.",
        "Proszę podać mi mapę, bo nie pamiętam drogi do hotelu.",
        "Wczoraj padał śnieg, więc dzieci lepiły bałwana przed domem.",
        "Mama kupiła w sklepie mąkę, masło, jabłka i butelkę wody.",
    ),
    "nld": (
        "Mijn moeder bakt elke morgen brood voor de hele familie.",
        "De blauwe vogel vloog boven het water voorbij.",
        "Mag ik een kopje koffie met melk en een broodje kaas, alsjeblieft?",
        "De buurman heeft zijn fiets voor het huis gezet en is weggegaan.",
        "Bij mooi weer wandelen wij graag door het bos achter het dorp.",
    ),
    "ces": (
        "Maminka mele maso a babička peče velkou bábovku pro vnoučata.",
        "Můj bratr včera koupil pět bílých domů u moře v malé vesnici.",
        "Pavel má nový modrý automobil a jezdí s ním každý den do práce.",
        "Prosím vás, mohl byste mi ukázat cestu na hlavní nádraží?",
        "Večer budeme sedět u ohně, zpívat písničky a vyprávět pohádky.",
    ),
    "fin": (
        "Minun äitini leipoo pullaa ja pappa juo kahvia.",
        "Huomenna menemme metsään ja poimimme mustikoita.",
        "Hyvää päivää, voisitko auttaa minua löytämään aseman?",
        "Pieni poika hyppäsi veteen ja ui saareen saakka.",
        "Kesällä yöt ovat valoisia ja linnut laulavat puissa.",
        "Kissa nukkuu uunin päällä, koska ulkona sataa lunta.",
        "Meidän perhe asuu punaisessa talossa järven rannalla.",
        "Osta kaupasta maitoa, perunoita, voita ja ruisleipää.",
    ),
}
TELUGU_OFFSET = ord("ఀ") - ord("ऀ")
"""The Indian scripts lie in parallel in Unicode: Hindi read letter for letter by a Telugu voice has Telugu
sounds."""


def load_texts(folder: Path | None, language: str) -> list[str]:
    """Sentences of a language, short and without links: BUILT_IN and, if there is one,
    `folder`/<language>.csv (column `text`)."""
    if language == "tel":
        hindi = [t for t in load_texts(folder, "hin") if not re.search("[A-Za-z]", t)]
        return ["".join(chr(ord(c) + TELUGU_OFFSET) if "ऀ" <= c <= "ॣ" else c for c in t) for t in hindi]
    texts = list(BUILT_IN.get(language, ()))
    path = folder / f"{language}.csv" if folder else None
    if path and path.is_file():
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                texts += _sentences(row["text"], language)
    if not texts:
        raise ValueError(
            f"no text for language {language!r}: give a folder with {language}.csv, or one of "
            f"{sorted(BUILT_IN)}"
        )
    return texts


def _sentences(text: str, language: str) -> list[str]:
    """A text of the net -> pieces that can be read aloud, of 3 .. 24 words."""
    text = re.sub(r"https?://\S+|@\w+|#|[^\w\s.,;:!?'’。，！？、\u0900-\u0963-]", " ", text)
    pieces = [" ".join(piece.split()) for piece in re.split(r"(?<=[.!?。！？])\s*", text)]
    if language == "chn":
        return [p for p in pieces if 5 <= len(p) <= 40 and not re.search("[A-Za-z0-9]", p)]
    return [p for p in pieces if 3 <= len(p.split()) <= 24 and not re.search(r"\d", p)]


def to_pinyin(text: str) -> str:
    """Chinese characters -> syllables with tone numbers, as espeak-ng's cmn-latn-pinyin reads them (it
    misreads characters)."""
    from pypinyin import Style, lazy_pinyin  # a training dependency, and slow to import

    return " ".join(lazy_pinyin(text, style=Style.TONE3, neutral_tone_with_five=True))


def draw(texts: list[str], language: str, random: np.random.Generator) -> str:
    text = texts[int(random.integers(len(texts)))]
    return to_pinyin(text) if language == "chn" else text
