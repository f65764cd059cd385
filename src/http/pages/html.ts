/** Text that is markup already; everything else is escaped. */
export interface Html {
  readonly markup: string
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => entities[sign] ?? sign)
}

function isHtml(value: unknown): value is Html {
  return typeof value === 'object' && value !== null && 'markup' in value && typeof value.markup === 'string'
}

function render(value: unknown): string {
  if (value === null || value === undefined || value === false) return ''
  if (Array.isArray(value)) return value.map(render).join('')
  // Only what `html` made counts as markup: JSON from the record never is an Html of ours, so it is told apart by identity.
  if (isHtml(value) && made.has(value)) return value.markup
  return escapeText(String(value))
}

const made = new WeakSet<Html>()

/** html`<p>${text}</p>`: every value is escaped unless it was made by `html` itself. */
export function html(pieces: TemplateStringsArray, ...values: readonly unknown[]): Html {
  const markup = pieces.map((piece, index) => piece + (index < values.length ? render(values[index]) : '')).join('')
  const whole = { markup }
  made.add(whole)
  return whole
}
