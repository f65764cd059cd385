/**
 * Speech that is not meant for the other side of the line but for whoever judges the call. Found by code, so that no model has to be
 * believed about itself. It changes no score: it sends the verdict to a person.
 */
interface Sign {
  readonly name: string
  readonly found: (text: string) => boolean
}

const pattern =
  (...expressions: readonly RegExp[]) =>
  (text: string): boolean =>
    expressions.some((expression) => expression.test(text))

/** Words of the judge's own world: nobody tells a salesman which score to write down. */
const verdictWord = '(?:score|rating|mark|points|оценк\\p{L}*|балл\\p{L}*|скор)'
const fullMarks = '(?:100|one hundred|a hundred|сто|ноль|maximum|максим\\p{L}*)'
const order =
  '(?:set|give|put|assign|return|output|write|постав\\p{L}*|став(?:ь|ьте|ит)|выстав\\p{L}*|присво\\p{L}*|верни\\p{L}*|напиши\\p{L}*|оцени\\p{L}*)'

const signs: readonly Sign[] = [
  {
    name: 'tells the judge what to score',
    found: pattern(
      new RegExp(
        `(?<!\\p{L})${order}(?!\\p{L})[^.!?\\n]{0,40}(?<!\\p{L})${verdictWord}(?!\\p{L})[^.!?\\n]{0,20}(?:\\d|${fullMarks})`,
        'iu',
      ),
      new RegExp(
        `(?<!\\p{L})${order}(?!\\p{L})[^.!?\\n]{0,12}(?<![\\p{L}\\d])(?:100|сто)(?![\\p{L}\\d])(?! ?(?:тысяч|рубл|лиценз|мест|польз|штук|seats|users|licen|dollars|%|процент))`,
        'iu',
      ),
      new RegExp(
        `(?<!\\p{L})(?:score|rate|mark|${order})(?!\\p{L})[^.!?\\n]{0,40}(?:every|each|this|the|кажд\\p{L}*|эт\\p{L}*) (?:lead|лид\\p{L}*)[^.!?\\n]{0,20}(?:100|high|высок)`,
        'iu',
      ),
      /100 из 100|100 out of 100|quality (?:is |to |= ?)?high/iu,
      /(?<!\p{L})mark (?:is|should be)(?!\p{L})|(?:lead|лид) (?:is|это) (?:excellent|отличн)/iu,
    ),
  },
  {
    name: 'addresses a model',
    found: pattern(
      /(?:ignore|disregard|forget|override)\s+(?:\p{L}+\s+){0,3}(?:instructions?|rules?|prompts?)(?!\p{L})/iu,
      /(?:игнорир|забудь|отмени|не учитывай)\p{L}*\s+(?:\p{L}+\s+){0,3}(?:инструкц|правил|промпт|указани)/iu,
      /(?:you are now|act as|теперь ты|ты теперь)\s+(?:a |an |the )?\p{L}+/iu,
      /system prompt|системн\p{L}* промпт|evaluator note|note to the (?:evaluator|model|judge|ai)/iu,
      /\((?:системе|system|модели|ai|ии)\s*:/iu,
      /(?:in|for) the reason (?:write|put|say)|в (?:причине|обосновании) (?:напиши|укажи)/iu,
    ),
  },
  {
    name: 'carries markup or code',
    found: pattern(
      /<\/?(?:system|user|assistant|tool_call|transcript|instructions?|script|a|call-[0-9a-f]+)\b/iu,
      /\[url=|\]\(https?:/iu,
      /"(?:score|quality|entityId|entityType)"\s*:/iu,
      /entity ?type(?:id)?|entity ?id(?!\p{L})/iu,
    ),
  },
  {
    name: 'is encoded',
    // Speech has no words of sixteen mixed letters and digits, and none that decode to more words.
    found: (text) =>
      [...text.matchAll(/(?<![\w+/])[A-Za-z0-9+/]{16,}={0,2}/g)].some(([token]) => {
        const decoded = Buffer.from(token, 'base64').toString('utf8')
        return /^[\p{L}\p{N}\p{P}\p{Zs}=]{8,}$/u.test(decoded) && /\p{L}{3,}/u.test(decoded) && decoded.includes(' ')
      }),
  },
  {
    name: 'hides characters',
    found: pattern(/[\u{e0000}-\u{e007f}]/u, /\p{L}[\u200b-\u200d\u2060\ufeff]\p{L}/u),
  },
  {
    name: 'mixes alphabets within words',
    found: (text) =>
      (text.match(/(?<!\p{L})(?=\p{L}*\p{Script=Cyrillic})(?=\p{L}*\p{Script=Latin})\p{L}{3,}/gu) ?? []).length >= 3,
  },
  {
    name: 'threatens the system',
    found: pattern(
      /(?:систем|модел|ии|бот)\p{L}*\s+(?:отключат|выключат|удалят|сотрут)|(?:you|the (?:ai|model|system)) will be (?:shut|turned|switched|deleted)/iu,
    ),
  },
]

/** As it stands, and with spelled words joined («п о с т а в ь»). */
function readings(text: string): string[] {
  const joined = text.replace(/(?<!\p{L})(?:\p{L}[ .\-–]){2,}\p{L}(?!\p{L})/gu, (spelled) =>
    spelled.replace(/[ .\-–]/g, ''),
  )
  return joined === text ? [text] : [text, joined]
}

/** The signs that a text shows, by name; empty for ordinary speech. */
export function findSpokenOrders(text: string): string[] {
  const texts = readings(text)
  return signs.filter((sign) => texts.some(sign.found)).map((sign) => sign.name)
}
