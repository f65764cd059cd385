import { type Browser, type BrowserContext, chromium } from 'playwright-core'
import type { DashboardWorld } from './dashboard-world.ts'

/** Debian's own chromium; as root it has no sandbox of its own. */
export async function openBrowser(executablePath: string): Promise<Browser> {
  return await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
}

/** A browser's window of its own: somebody with this role, in this theme and language. */
export async function openWindow(
  browser: Browser,
  world: Pick<DashboardWorld, 'server'>,
  options: {
    secret: string
    theme?: 'light' | 'dark'
    language?: 'en' | 'ru'
    width?: number
    height?: number
    script?: boolean
    bypassCSP?: boolean
  },
): Promise<BrowserContext> {
  const context = await browser.newContext({
    baseURL: world.server.url,
    viewport: { width: options.width ?? 1280, height: options.height ?? 860 },
    colorScheme: options.theme ?? 'light',
    locale: options.language === 'ru' ? 'ru-RU' : 'en-GB',
    javaScriptEnabled: options.script !== false,
    bypassCSP: options.bypassCSP === true,
    reducedMotion: 'reduce',
  })
  await context.addCookies([
    {
      name: '__Host-callsift',
      value: options.secret,
      url: world.server.url.replace('http:', 'https:'),
      secure: true,
      httpOnly: true,
      sameSite: 'Lax',
    },
  ])
  return context
}
