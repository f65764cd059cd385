/** A formatter takes a hundred times as long to make as to use, and a page uses hundreds: each is made once, for few sets of options. */
function keep<Formatter, Options>(make: (locale: string, options: Options) => Formatter) {
  const kept = new Map<string, Formatter>()
  return (locale: string, options: Options): Formatter => {
    const key = `${locale} ${JSON.stringify(options)}`
    const formatter = kept.get(key) ?? make(locale, options)
    kept.set(key, formatter)
    return formatter
  }
}

export const numberFormat = keep((locale, options: Intl.NumberFormatOptions) => new Intl.NumberFormat(locale, options))
export const dateFormat = keep(
  (locale, options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(locale, options),
)
