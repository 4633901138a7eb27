/**
 * Decoders for what streams are compressed with from outside: gzip, zstd, xz, bzip2, lz4, lzop.
 *
 * <p>{@link org.stateferry.source.codec.Codec} tells them by their first bytes. {@link org.stateferry.source.codec.DecodedBytes} decodes
 * member after member, each by a {@link org.stateferry.source.codec.MemberDecoder}; where a member has blocks that can be decoded
 * without each other, that is a {@link org.stateferry.source.codec.BlockDecoder}, and a format tells where a block ends and how it is decoded
 * ({@link org.stateferry.source.codec.XzBlocks}, {@link org.stateferry.source.codec.Lz4Frame} and so on).
 */
@NullMarked
package org.stateferry.source.codec;

import org.jspecify.annotations.NullMarked;
