package org.stateferry.qcow2.format;

/**
 * Something in an image that is against the format.
 *
 * @param offset host offset of the field that is wrong
 * @param problem what is wrong with it, in words
 */
public record Violation(long offset, String problem) {}
