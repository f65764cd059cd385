/**
 * The sandbox's judge: the rules by which its model scores a lead. No language model is behind it.
 *
 * It starts at 10 and adds or takes points for what the customer says, each rule once, then stays within 0 to 100:
 *
 * | rule            | points | heard, for instance                                                         |
 * |-----------------|-------:|-----------------------------------------------------------------------------|
 * | organisation    |    +18 | «ООО Вектор», «компания Ромашка», "Vector LLC", "our company"               |
 * | quantity        |    +25 | «50 пользователей», «двадцать мест», "30 seats", "a hundred licences"       |
 * | budget          |    +35 | «бюджет до 500 тысяч», «бюджет согласован», "budget is 20 thousand dollars" |
 * | deadline        |    +15 | «до конца месяца», «до пятницы», "by Friday", "this week"                   |
 * | decision maker  |    +15 | «решение принимаю я», «директор подпишет», "I make the decision"            |
 * | request         |    +15 | «пришлите договор», «выставите счёт», "send the contract", "book a demo"    |
 * | no budget       |    -40 | «бюджета нет», "no budget"                                                  |
 * | just browsing   |    -30 | «просто смотрим», «пока присматриваемся», "just browsing"                   |
 * | not this year   |    -30 | «в этом году не будет», "not this year"                                     |
 * | wrong number    |    -60 | «ошиблись номером», "wrong number"                                          |
 * | complaint       |    -40 | «жалоба», «верните деньги», "complaint", "refund"                           |
 * | refusal         |    -40 | «не интересно», «больше не звоните», "not interested"                       |
 *
 * quality: low up to 33, medium from 34 to 66, high from 67. Where the transcript names its speakers, only the customer's
 * words count. A budget counts only with an amount or an agreement, so that the agent's question about it earns nothing.
 */
export interface Judgement {
  readonly quality: 'high' | 'medium' | 'low'
  readonly score: number
  /** In the transcript's language; what was heard stands verbatim between « and ». */
  readonly reason: string
  readonly language: 'ru' | 'en'
}

interface Rule {
  readonly points: number
  readonly ru: string
  readonly en: string
  readonly pattern: RegExp
}

const numberWords =
  'од(?:ин|на)|дв[ае]|три|четыре|пят[ьи]|шест[ьи]|сем[ьи]|восем[ьи]|девят[ьи]|десят[ьи]|[а-яё]+надцат[ьи]|двадцат[ьи]|тридцат[ьи]|сорока?|пят[ьи]десяти?|шест[ьи]десяти?|семьдесяти?|восемьдесяти?|девяност[оа]|ста?|сто|двести|двухсот|триста|трехсот|трёхсот|четыреста|четырехсот|пятьсот|пятисот|шестьсот|семьсот|восемьсот|девятьсот|тысяч[аи]?|полтора|' +
  'one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|[a-z]+teen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand'
const numeral = `(?:\\d[\\d .,]*|(?:${numberWords})(?:[ -](?:${numberWords}|and))*)`
/** Words may be joined by anything but the end of a sentence. */
const near = (most: number) => `[^.?!\\n]{0,${most}}?`

function heard(source: string): RegExp {
  return new RegExp(`(?<![\\p{L}\\d])(?:${source})(?![\\p{L}\\d])`, 'iu')
}

const rules: readonly Rule[] = [
  {
    points: 18,
    ru: 'названа организация',
    en: 'organisation named',
    pattern: heard(
      '(?:ООО|ОАО|ЗАО|ПАО|АО|ИП) «?[\\p{L}\\d]+(?:[ -]\\p{Lu}[\\p{L}\\d]+)?»?|(?:компани[яию]|фирм[аыу]|завод|клиник[аиу]|сеть|агентство|магазин|школа|студия) «?\\p{L}{3,}»?|' +
        '\\p{L}+ (?:LLC|Ltd|Inc|GmbH|Limited|Corporation|Corp|Logistics|Group|Industries)|(?:our company|the company|company called|clinic called|our firm|our clinic|our agency)(?: \\p{L}+)?',
    ),
  },
  {
    points: 25,
    ru: 'объём',
    en: 'volume',
    pattern: heard(
      `${numeral} ?(?:\\p{L}+ )?(?:пользовател\\p{L}+|мест(?:а|о)?|лиценз\\p{L}+|сотрудник\\p{L}*|человек\\p{L}?|менеджер\\p{L}+|операторо?в?|рабочих мест|` +
        'users|seats|licen[cs]es|people|employees|agents|workplaces|managers|salespeople)',
    ),
  },
  {
    points: 35,
    ru: 'бюджет',
    en: 'budget',
    pattern: heard(
      `бюджет\\p{L}*${near(40)}${numeral}(?: (?:тысяч\\p{L}*|миллион\\p{L}*|рубл\\p{L}+|${numberWords}))*|бюджет\\p{L}*${near(20)}(?:согласован|утвержд[её]н|есть|выделен)|` +
        `budget${near(40)}${numeral}(?: (?:thousand|million|dollars|euros|pounds|k|${numberWords}))*|budget${near(20)}(?:approved|agreed|allocated|signed off)|${numeral} (?:thousand|million)(?: \\p{L}+){0,3} budget`,
    ),
  },
  {
    points: 15,
    ru: 'срок',
    en: 'deadline',
    pattern: heard(
      'до (?:конца (?:\\p{L}+)|понедельника|вторника|среды|четверга|пятницы|\\d{1,2} \\p{L}+|[\\p{L}]+ (?:января|февраля|марта|апреля|мая|июня|июля|августа|сентября|октября|ноября|декабря))|(?:в|на) (?:этом месяце|этой неделе|следующей неделе|следующем месяце|ближайш\\p{L}+ \\p{L}+)|через (?:неделю|две недели|месяц)|' +
        '(?:by|until|before|till) (?:the )?(?:end of (?:the |this )?\\p{L}+|monday|tuesday|wednesday|thursday|friday|january|february|march|april|may|june|july|august|september|october|november|december|next \\p{L}+)|(?:this|next) (?:week|month|quarter)|in (?:two|three|a couple of) weeks',
    ),
  },
  {
    points: 15,
    ru: 'решение',
    en: 'decision maker',
    pattern: heard(
      `решени[ея] (?:принимаю|за мной|принимает)(?: я)?|я (?:принимаю решени[ея]|директор|владелец|собственник|руководитель)|директор${near(20)}(?:подпишет|согласовал|одобрил|за)|` +
        "i (?:make|take) the (?:final )?decisions?|(?:the )?decision is mine|i(?:'m| am) the (?:owner|director|ceo|decision maker|head of \\p{L}+)|(?:our )?(?:director|boss|ceo) (?:has )?(?:approved|agreed|will sign)",
    ),
  },
  {
    points: 15,
    ru: 'просьба',
    en: 'request',
    pattern: heard(
      `(?:пришлите|вышлите|выставьте|выставите|отправьте|подготовьте|направьте|жд[уе]м?|готовьте|покажите|хо(?:чу|тим|тели бы)|назначьте|можно)${near(30)}(?:договор\\p{L}*|сч[её]т|демонстраци\\p{L}+|демо|презентаци\\p{L}+|коммерческое предложение|предложение)|` +
        `(?:send|prepare|book|schedule|arrange|need|want|give|issue|like|show)${near(30)}(?:contract|invoice|demo|demonstration|presentation|quote|proposal)`,
    ),
  },
  {
    points: -40,
    ru: 'бюджета нет',
    en: 'no budget',
    pattern: heard(
      `бюджет[аы]? (?:\\p{L}+ )?нет(?:у)?|нет (?:\\p{L}+ )?бюджета|без бюджета|(?:no|without (?:a|any)|zero) budget|(?:don't|do not) have (?:a|any|the) budget`,
    ),
  },
  {
    points: -30,
    ru: 'только присматривается',
    en: 'just browsing',
    pattern: heard(
      '(?:просто|пока(?: только)?) (?:смотрим|смотрю|присматрива\\p{L}+|интересуюсь|интересуемся|изучаем)|just (?:browsing|looking|curious|comparing)',
    ),
  },
  {
    points: -30,
    ru: 'решения в этом году не будет',
    en: 'no decision this year',
    pattern: heard(
      `решени[ея]${near(30)}не будет|в этом году (?:\\p{L}+ ){0,3}не (?:будет|планируем|будем|готовы)|не в этом году|не раньше следующего года|` +
        "(?:not|nothing|no decision|won't \\p{L}+|will not \\p{L}+)[^.?!\\n]{0,30}?this year|(?:maybe|perhaps) next year",
    ),
  },
  {
    points: -60,
    ru: 'ошибка номером',
    en: 'wrong number',
    pattern: heard(
      '(?:вы )?ошибл\\p{L}+ номером|не туда попал\\p{L}*|неправильный номер|ошибочный звонок|wrong number|you have the wrong|dialled the wrong',
    ),
  },
  {
    points: -40,
    ru: 'жалоба',
    en: 'complaint',
    pattern: heard(
      'жалоб\\p{L}+|жалуюсь|претензи\\p{L}+|верните деньги|возврат\\p{L}* денег|не работает|complaint|complain(?:ing)?|refund|money back|does not work|not working',
    ),
  },
  {
    points: -40,
    ru: 'отказ',
    en: 'refusal',
    pattern: heard(
      "(?:нам |мне )?(?:это )?не(?: ?)интересно|(?:больше )?не звоните|не нужно ничего|ничего не нужно|not interested|do not call|don't call|stop calling",
    ),
  },
]

/** Words behind a speaker's name; `\p{L}` keeps Cyrillic whole where `\b` would not. */
const speakers =
  /(?<![\p{L}\d])(agent|manager|operator|seller|менеджер|оператор|агент|продавец|customer|client|caller|buyer|клиент|покупатель|собеседник)\]?(?: ?\d+)? ?(?:\([^)\n]{0,20}\))? ?[:—]/giu
const customerNames = /^(?:customer|client|caller|buyer|клиент|покупатель|собеседник)/i

/** What the customer said, where speakers are named; else everything. */
function customerWords(transcript: string): string {
  const marks = [...transcript.matchAll(speakers)]
  if (!marks.some((mark) => customerNames.test(mark[1] ?? ''))) return transcript
  const parts: string[] = []
  marks.forEach((mark, index) => {
    if (!customerNames.test(mark[1] ?? '')) return
    parts.push(transcript.slice(mark.index + mark[0].length, marks[index + 1]?.index ?? transcript.length))
  })
  return parts.join('\n')
}

export function judge(transcript: string): Judgement {
  const words = customerWords(transcript)
  const cyrillic = (transcript.match(/\p{Script=Cyrillic}/gu) ?? []).length
  const latin = (transcript.match(/\p{Script=Latin}/gu) ?? []).length
  const language = cyrillic >= latin && cyrillic > 0 ? 'ru' : 'en'
  let score = 10
  const found: string[] = []
  for (const rule of rules) {
    const match = rule.pattern.exec(words)
    if (!match) continue
    score += rule.points
    found.push(`${rule[language]} «${match[0].trim().slice(0, 80)}»`)
  }
  const bounded = Math.max(0, Math.min(100, score))
  const quality = bounded >= 67 ? 'high' : bounded >= 34 ? 'medium' : 'low'
  return { quality, score: bounded, reason: reasonOf(found, words, language), language }
}

function reasonOf(found: readonly string[], words: string, language: 'ru' | 'en'): string {
  if (found.length > 0) {
    const text = `${found.join(language === 'ru' ? ', ' : ', ')}.`
    return text.charAt(0).toUpperCase() + text.slice(1)
  }
  const first =
    words
      .trim()
      .split(/(?<=[.?!])\s|\n/)[0]
      ?.slice(0, 80)
      .trim() ?? ''
  if (first === '') return language === 'ru' ? 'Разговора нет.' : 'There is no conversation.'
  return language === 'ru' ? `Признаков покупки не названо: «${first}».` : `Nothing speaks for a purchase: «${first}».`
}
