const numbers = new Map<string, Intl.NumberFormat>()
const dates = new Map<string, Intl.DateTimeFormat>()

/** A formatter takes a hundred times as long to make as to use, and a page uses hundreds: each is made once, for few sets of options. */
function keep<Formatter, Options>(kept: Map<string, Formatter>, make: (locale: string, options: Options) => Formatter) {
  return (locale: string, options: Options): Formatter => {
    const key = `${locale} ${JSON.stringify(options)}`
    const known = kept.get(key)
    if (known !== undefined) return known
    const made = make(locale, options)
    kept.set(key, made)
    return made
  }
}

export const numberFormat = keep(
  numbers,
  (locale, options: Intl.NumberFormatOptions) => new Intl.NumberFormat(locale, options),
)
export const dateFormat = keep(
  dates,
  (locale, options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(locale, options),
)
