package org.stateferry.stream;

/**
 * A named region of guest memory, as the RAM section's start lists it (QEMU {@code RAMBlock}).
 *
 * @param name the block's id string, for example {@code pc.ram}
 * @param usedLength its length in bytes
 */
public record RamBlock(String name, long usedLength) {}
