package org.stateferry.stream;

/**
 * A named region of guest memory from the list at the start of the RAM section (QEMU {@code RAMBlock}).
 *
 * @param name the block's id string, for example {@code pc.ram}
 * @param usedLength its length in bytes
 */
public record RamBlock(String name, long usedLength) {}
