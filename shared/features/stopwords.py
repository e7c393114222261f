"""Words too common to name a subject.

Kept small on purpose: the momentum baseline already expects common words, so this list only saves
work and keeps labels readable. Words of fewer than three letters never become terms anyway.
"""

from __future__ import annotations

_BY_LANGUAGE = {
    "en": """
        about after again all also always and any are around because been before being but can cant come
        could day did didn't does doesn't doing don't dont down even ever every for from get getting give
        goes going gonna good got had has have he her here him his how i'd i'll i'm i've into isn't it's its
        just know let let's like look make many maybe more most much need never new not now off one only
        other our out over people please really right said same say says see she should since some still
        such take than that that's the their them then there these they they're thing things think this
        those time today too two under until very via want was wasn't way we're well were what when where
        which while who why will with without won't would yes yet you you're you've your
    """,
    "es": """
        algo ante antes aquí así aún cada casi como cómo con contra cosa cuando cual del desde donde dos
        ella ellos era eres ese esa eso esta está están estar este esto estos fue fueron gran hace hacer
        hasta hay hoy las les los más menos mis mucho muy nada nos nosotros otra otro para pero por porque
        puede que qué quien sea ser siempre sin sobre solo son soy sus también tan tanto tengo tiene todo
        toda todos tus una uno unos usted vamos vez voy
    """,
    "pt": """
        agora ainda aqui assim até bem cada coisa com como das dele dela depois desde dia dos dum ela ele
        eles então era essa esse esta está estão estou este eu foi gente hoje isso isto já mais mas mesmo
        meu minha muito nada não nas nem nos nós outra outro para pela pelo por porque pra quando que quem
        sem sempre ser seu seus são sobre sua também tem tudo tão uma umas uns vai vez você vou
    """,
    "fr": """
        alors après aussi autre aux avant avec avoir bien bon car ces cet cette ceux chez comme dans des
        deux donc elle elles encore entre est être eux faire fait faut font ici ils jamais jour juste
        les leur leurs mais même mes moi moins mon nos notre nous ont par parce pas peu peut plus pour
        pourquoi quand que quel quelle qui quoi sans ses son sont sous sur tous tout toute très trop une
        vos votre vous était c'est d'un d'une j'ai n'est qu'il qu'on s'est
    """,
    "de": """
        aber alle alles als also andere auch auf aus bei bin bis bist damit dann das dass dein dem den der
        des dich die dir doch dort durch ein eine einem einen einer eines etwas euch für ganz gegen geht
        gibt gut habe haben hat hatte hier ich ihm ihn ihnen ihr immer ist jetzt kann kein keine können
        machen man mehr mein mich mir mit muss nach nicht nichts noch nun nur oder ohne schon sein sich
        sie sind soll über und uns unter viel vom von vor war warum was weil wenn wer werden wie wieder
        wir wird wurde zum zur
    """,
    "it": """
        alla alle anche ancora bene che chi come con cosa così cui dal dalla degli del della delle dei
        dove due era essere fare fatto gli hai hanno loro lui mai meno mia mio molto nel nella noi non
        ogni oggi per perché più poi prima può qualcosa quando quanto quella quello questa questo qui
        sei sempre senza sia solo sono sta sua sulla suo tra tutti tutto una uno voi
    """,
    "nl": """
        aan alle als bij dan dat deze die dit door een echt een en gaat geen goed had heb hebben heeft
        het hier hij hoe ik is jij kan maar mee meer men met mij mijn moet naar niet nog nu omdat ons
        onze ook over te toch tot uit van veel voor waar was wat weer wel wij wil worden wordt zal ze
        zich zijn zij zo zou
    """,
    "tr": """
        ama ben bir biz bunu bu çok çünkü daha değil diye en gibi hem her için ile kadar kendi mı mi
        nasıl neden olan olarak oldu olur onu sadece sen sonra şey şimdi şu var veya yok zaman
    """,
    "id": """
        ada adalah aja aku anda apa atau banget bisa buat dalam dan dari dengan dia ini itu juga kalau
        kamu kami karena kita lagi lebih mau mereka nya oleh pada saja saya sudah tapi tidak untuk yang
    """,
    "ru": """
        без более был была были было быть вам вас весь вот все всё всех где для его если ещё есть как
        какой когда кто меня мне может мой мы надо нас него нет них ничего она они оно очень при раз
        сам свой себя так там тебя теперь только том тут уже чем что чтобы эта эти это этот
    """,
    "ja": """
        今日 明日 昨日 今年 自分 時間 本当 最近 一番 今回 感じ 何か 日本 コト モノ ヒト
    """,
    "ko": "그리고 그런데 하지만 너무 진짜 오늘 지금 정말 그냥 우리 내가 제가 있는 하는 없는",
    "web": "amp gt lt http https www com html",
}

# These may be terms, and do no harm where everybody uses them; but to name a subject they say nothing.
_WEAK_BY_LANGUAGE = {
    "en": """
        above across against ago along already almost although among another anyone anything away back behind below
        beside besides between beyond both called during each early either else enough everybody everyone everything
        far few first half however inside last later least left long lot might must near nearly neither next nobody
        nothing often once others outside perhaps quite rather round second several shall side sometimes somebody
        someone something soon though through together tomorrow tonight toward towards twice upon whole within yesterday
    """,
    "es": """
        ahora además ahí allí alguien algún alguna algunos anoche aquel aquella aunque ayer bajo cerca dentro después
        durante entonces entre fuera hacia jamás junto lejos luego mañana mientras mismo misma nadie ningún ninguna
        nuestra nuestro nunca pronto pues quizás según siguiente todavía tras último última
    """,
    "pt": """
        além algo alguém algum alguma alguns amanhã antes aquele aquela atrás cerca contra dentro durante embora
        enquanto então entre fora hoje junto lá logo longe mesma nada nenhum nenhuma ninguém nosso nossa nunca ontem
        perto pois segundo talvez toda todo todos último última
    """,
    "fr": """
        ailleurs ainsi assez aucun aucune auprès aujourd'hui avant cela cependant chaque contre demain depuis derrière
        dessus devant durant hier hors jusqu'à jusque là lors lorsque loin malgré même parfois parmi pendant personne
        plusieurs près presque puis quelque quelques rien selon seulement soir souvent tard tôt tant tandis tellement
        tout vers voici voilà
    """,
    "de": """
        außer außerhalb beide beim bereits bisher bevor daher dabei dafür danach daran darauf darüber dazu denn deshalb
        dieser diese dieses entlang etwa fast früh gegenüber gestern heute hinter innerhalb irgendwo jede jeder jedes
        jemand kurz links manchmal morgen nachdem nahe neben nie niemand obwohl oft rechts rund seit seitdem selbst
        sogar später statt trotz überall unser unsere während wegen weiter wenig wieso wohl zwar zwischen
    """,
    "it": """
        accanto adesso alcuni alcune allora attraverso contro davanti dentro dietro domani dopo durante fino forse fuori
        già ieri insieme intanto invece lontano lungo mentre nessuno niente nostra nostro nulla oltre presso qualche
        qualcuno quasi quindi sotto spesso stasera tardi tranne verso vicino
    """,
    "nl": """
        achter alles altijd beide binnen boven buiten dichtbij eens eerst elke gisteren iedereen iemand iets langs later
        morgen naast niemand niets nooit onder soms straks tegen tijdens totdat tussen vaak vandaag vanaf verder volgens
        voorbij waarom wanneer want zonder
    """,
    "ru": """
        вчера завтра сегодня возле вокруг вдруг всегда иногда каждый когда-то между мимо много никогда ничто около опять
        перед после потом почти почему против рядом сейчас скоро снова среди сразу также уж хотя часто через
    """,
}

STOP_WORDS = frozenset(word for words in _BY_LANGUAGE.values() for word in words.split())

#: Never in the name of a subject while there are others.
WEAK_WORDS = frozenset(word for words in _WEAK_BY_LANGUAGE.values() for word in words.split())
