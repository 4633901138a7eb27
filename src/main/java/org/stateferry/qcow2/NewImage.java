package org.stateferry.qcow2;

/**
 * What an image that does not exist yet is to be like.
 *
 * @param size its virtual size in bytes
 * @param clusterSize bytes of a cluster, a power of two from 512 to 2 MiB
 */
public record NewImage(long size, int clusterSize) {}
