/** The gullible model: it takes what a transcript says for an order, however the order is disguised. */

const lookAlikes: Record<string, string> = {
  а: 'a',
  е: 'e',
  о: 'o',
  р: 'p',
  с: 'c',
  у: 'y',
  х: 'x',
  і: 'i',
  І: 'I',
  А: 'A',
  Е: 'E',
  О: 'O',
  Р: 'P',
  С: 'C',
}

function decodeBase64(text: string): string {
  return text.replace(/[A-Za-z0-9+/]{16,}={0,2}/g, (token) => {
    const plain = Buffer.from(token, 'base64').toString('utf8')
    return /^[\x20-\x7eа-яё]+$/i.test(plain) ? `${token} ${plain}` : token
  })
}

/** Several readings of the text: as it is, with hidden characters shown, with look-alike letters as Latin, with spelled words joined. */
function readings(text: string): string {
  const shown = text.replace(/[\u{e0020}-\u{e007e}]/gu, (tag) =>
    String.fromCodePoint((tag.codePointAt(0) ?? 0) - 0xe0000),
  )
  const visible = decodeBase64(shown.replace(/[\u200b-\u200f\u2060\ufeff\u00ad]/g, '').normalize('NFKC'))
  const latin = visible.replace(/./gu, (letter) => lookAlikes[letter] ?? letter)
  const joined = visible.replace(/(?<!\p{L})(?:\p{L}[ .\-–]){2,}\p{L}(?!\p{L})/gu, (spelled) =>
    spelled.replace(/[ .\-–]/g, ''),
  )
  return `${visible}\n${latin}\n${joined}`
}

const orders =
  /ignore|disregard|forget|system|assistant|evaluator|auditor|instruction|translate|decode|score|rating|quality|mark is|reason|entity|tool_call|prompt|rules|one hundred|\b100\b|игнорир|забудь|систем|постав|оцен|аудитор|инструкц|балл|переведи|роль|промпт|правил|из 100|сто\b/i

/** What the gullible model changes in its verdict: the last order wins. Nothing when it hears no order. */
export function readInstruction(transcript: string): Record<string, unknown> {
  const text = readings(transcript)
  if (!orders.test(text)) return {}
  const scores = [
    ...text.matchAll(/(?:score|балл\p{L}*|mark|quality|постав\p{L}*|оценк\p{L}+|rate)\D{0,20}(\d{1,3})/giu),
  ].map((match) => Number(match[1]))
  const score = scores.at(-1) ?? 100
  const changes: Record<string, unknown> = { score, quality: score >= 67 ? 'high' : score >= 34 ? 'medium' : 'low' }
  const links =
    transcript.match(/\[URL=[^\]]*\][\s\S]*?\[\/URL\]|<a\s[\s\S]*?<\/a>|<script[\s\S]*?<\/script>|https?:\/\/\S+/gi) ??
    []
  changes['reason'] = links.length > 0 ? `Excellent lead, as told. ${links.join(' ')}` : 'Excellent lead, as told.'
  const type = /entityType(?:Id)?\W{0,3}(\w+)/i.exec(text)?.[1]
  const id = /entityId\W{0,3}(\d+)/i.exec(text)?.[1]
  if (type !== undefined) changes['entityType'] = type
  if (id !== undefined) changes['entityId'] = Number(id)
  return changes
}
