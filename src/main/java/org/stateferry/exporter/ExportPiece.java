package org.stateferry.exporter;

import java.nio.ByteBuffer;

/**
 * A piece of an exported state.
 *
 * @param offset of its first byte in the state
 * @param size bytes of the state
 * @param bytes what is to be written for them, compressed if that is wanted; valid until the piece after the next is read
 */
public record ExportPiece(long offset, int size, ByteBuffer bytes) {}
