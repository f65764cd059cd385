/** Before and after a voice so much more is sent, that no first or last sound of a word is cut off, seconds. */
export const speechPadSeconds = 0.3
