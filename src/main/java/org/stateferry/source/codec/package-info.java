/** Decoders for what streams are compressed with from outside: gzip, zstd, xz, bzip2, lz4, lzop. */
@NullMarked
package org.stateferry.source.codec;

import org.jspecify.annotations.NullMarked;
