import type { EncodedPacket, EncodedPacketSink, PacketRetrievalOptions } from 'mediabunny'

/**
 * The packets of a track one after another, from `first` on (the track's first one unless told). The sink's own iterator reads a second
 * ahead, which is a hundred thousand packets where nothing but counting is done with them: their memory, and a queue that long to shift.
 */
export async function* walkPackets(
  sink: EncodedPacketSink,
  options: PacketRetrievalOptions & { first?: EncodedPacket } = {},
): AsyncGenerator<EncodedPacket> {
  const { first, ...retrieval } = options
  for (
    let packet = first ?? (await sink.getFirstPacket(retrieval));
    packet !== null;
    packet = await sink.getNextPacket(packet, retrieval)
  )
    yield packet
}
