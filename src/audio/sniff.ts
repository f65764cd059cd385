import { id3v2Length, readMp3Header } from './mp3-frames.ts'

export type AudioFormat = 'wav' | 'mp3' | 'ogg' | 'flac' | 'm4a' | 'webm' | 'aac' | 'amr'

export type Sniffed =
  | { readonly kind: 'audio'; readonly format: AudioFormat }
  /** Sound that only ffmpeg reads. */
  | { readonly kind: 'exotic'; readonly name: string }
  /** Sound of a kind that is not read here, or a playlist that points elsewhere (never followed: it could name other files). */
  | { readonly kind: 'unsupported'; readonly name: string }
  | { readonly kind: 'other'; readonly name: string }

/** Bytes of a file's beginning that `sniffAudio` wants to see. */
export const SNIFF_BYTES = 64 * 1024

const OTHER: readonly (readonly [string, string])[] = [
  ['PK\x03\x04', 'a ZIP archive'],
  ['%PDF-', 'a PDF document'],
  ['\x89PNG', 'a PNG picture'],
  ['\xff\xd8\xff', 'a JPEG picture'],
  ['GIF8', 'a GIF picture'],
  ['\x7fELF', 'a program'],
  ['MZ', 'a program'],
  ['\x1f\x8b', 'gzip-compressed data'],
]

const UNSUPPORTED: readonly (readonly [string, string])[] = [
  ['wvpk', 'WavPack'],
  ['FORM', 'AIFF'],
  ['caff', 'CAF'],
  ['.snd', 'AU'],
  ['MAC ', "Monkey's Audio"],
  ['\x30\x26\xb2\x75\x8e\x66\xcf\x11', 'Windows Media Audio'],
  ['#EXTM3U', 'a playlist'],
  ['[playlist]', 'a playlist'],
  ['ffconcat', 'a playlist'],
  ['v=0\n', 'a session description'],
  ['v=0\r\n', 'a session description'],
]

/** What a file is by its first bytes; names and content types are whatever the sender liked. Give at least `SNIFF_BYTES` where there are as many. */
export function sniffAudio(head: Buffer): Sniffed {
  const starts = (magic: string) => head.length >= magic.length && head.toString('latin1', 0, magic.length) === magic
  if ((starts('RIFF') || starts('RIFX') || starts('RF64')) && head.toString('latin1', 8, 12) === 'WAVE')
    return { kind: 'audio', format: 'wav' }
  if (starts('OggS') && head.toString('latin1', 28, 36) === 'Speex   ') return { kind: 'exotic', name: 'Speex' }
  if (starts('OggS')) return { kind: 'audio', format: 'ogg' }
  if (starts('fLaC')) return { kind: 'audio', format: 'flac' }
  if (starts('#!AMR')) return { kind: 'audio', format: 'amr' }
  if (starts('\x1a\x45\xdf\xa3')) return { kind: 'audio', format: 'webm' }
  if (head.toString('latin1', 4, 8) === 'ftyp') return { kind: 'audio', format: 'm4a' }
  for (const [magic, name] of OTHER) if (starts(magic)) return { kind: 'other', name }
  for (const [magic, name] of UNSUPPORTED) if (starts(magic)) return { kind: 'unsupported', name }

  const tag = id3v2Length(head)
  if (tag > 0) {
    if (head.toString('latin1', tag, tag + 4) === 'fLaC') return { kind: 'audio', format: 'flac' }
    // A tag longer than the head (a cover picture) hides what follows; whoever scans the frames will know.
    return { kind: 'audio', format: 'mp3' }
  }
  if (looksLikeAdts(head)) return { kind: 'audio', format: 'aac' }
  const text = readText(head)
  if (text !== null) return nameText(text)
  return findTwoFrames(head) ? { kind: 'audio', format: 'mp3' } : { kind: 'other', name: 'data of an unknown kind' }
}

/** Two frames of one rate that follow each other: one header's twelve bits turn up in any data. */
function findTwoFrames(head: Buffer): boolean {
  for (let offset = head.indexOf(0xff); offset !== -1; offset = head.indexOf(0xff, offset + 1)) {
    const first = readMp3Header(head, offset)
    if (!first) continue
    const second = readMp3Header(head, offset + first.length)
    if (second && second.sampleRate === first.sampleRate) return true
  }
  return false
}

function looksLikeAdts(head: Buffer): boolean {
  let offset = 0
  for (let count = 0; count < 2; count++) {
    const b1 = head[offset + 1] ?? 0
    if (head[offset] !== 0xff || (b1 & 0xf6) !== 0xf0 || head.length < offset + 7) return false
    const length =
      (((head[offset + 3] ?? 0) & 3) << 11) | ((head[offset + 4] ?? 0) << 3) | ((head[offset + 5] ?? 0) >> 5)
    if (length < 8) return false
    offset += length
  }
  return true
}

function readText(head: Buffer): string | null {
  const sample = head.subarray(0, 2048)
  for (const byte of sample) if (byte < 9 || (byte > 13 && byte < 32 && byte !== 27) || byte === 127) return null
  const text = sample.toString('utf8').trim()
  return text === '' && sample.length > 0 ? ' ' : text || null
}

function nameText(text: string): Sniffed {
  const start = text
    .slice(0, 512)
    .replace(/^\uFEFF/, '')
    .toLowerCase()
  if (/^(<!doctype html|<html|<head|<body|<script)/.test(start) || start.includes('<html'))
    return { kind: 'other', name: 'an HTML page' }
  if (/<mpd[\s>]|<smoothstreamingmedia|<asx/.test(start)) return { kind: 'unsupported', name: 'a playlist' }
  if (/^(file|ffconcat|concat|subfile|#ext|(rem|title|performer) )/.test(start))
    return { kind: 'unsupported', name: 'a playlist' }
  if (/^[{[]/.test(start)) return { kind: 'other', name: 'JSON text' }
  return { kind: 'other', name: 'text' }
}
