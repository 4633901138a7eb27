package org.stateferry.qcow2;

/**
 * A change of an image that is complete on stable storage but for the header. The arrays are not to be changed.
 *
 * @param sectorBefore the header sector of the old image
 * @param sectorAfter the header sector that puts the change into force
 */
public record StagedSwitch(byte[] sectorBefore, byte[] sectorAfter) {}
