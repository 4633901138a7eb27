package org.stateferry.qcow2.format;

/**
 * A violation of the format found in an image.
 *
 * @param offset host offset of the field that is wrong
 * @param problem what is wrong with it, in words
 */
public record Violation(long offset, String problem) {}
