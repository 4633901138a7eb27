package org.stateferry.bench;

import java.nio.file.Path;
import java.util.List;

/**
 * The file that all contenders write.
 *
 * @param name what its content is like
 * @param origin what it was made of, and by whom
 * @param path where it lies
 * @param size its bytes
 * @param machine the arguments of the QEMU that can load it; none if none can
 */
record BenchStream(String name, String origin, Path path, long size, List<String> machine) {}
