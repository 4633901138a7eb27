package org.stateferry.source.codec;

import java.io.EOFException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.apache.commons.compress.compressors.bzip2.BZip2CompressorInputStream;
import org.jspecify.annotations.Nullable;
import org.stateferry.bytes.ZstdLibrary;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.tukaani.xz.ArrayCache;
import org.tukaani.xz.BasicArrayCache;
import org.tukaani.xz.MemoryLimitException;
import org.tukaani.xz.UnsupportedOptionsException;

/**
 * The decoded content of compressed data, in sequence: all its members, frames or streams, up to the end of the file or
 * to something else. Memory: for zstd a window of 128 MiB at most; for xz {@value #XZ_MEMORY_MAX_KIB} KiB and up to
 * 12 MiB of what is stored, or in blocks 60 MiB (stored, dictionaries, content); for bzip2, lz4, lzop and zstd in frames
 * 48 MiB (five blocks or three of 8 MiB at most, before and after decoding); for gzip less than 16 MiB.
 *
 * <p>For one thread, except that another may {@link #cancel} it or close the feed.
 */
public final class DecodedBytes implements SequentialBytes {
    /** What xz may use, in KiB: presets up to -8 need 33 MiB. */
    static final int XZ_MEMORY_MAX_KIB = 40 * 1024;

    /** So many zeros are looked at, in bytes; no member follows more of them. */
    private static final long PADDING_MAX = 64L * 1024 * 1024;

    /**
     * With more members than this, each has to have {@link #MEMBER_CONTENT_MIN} bytes on average: to begin one takes megabytes of
     * memory for bzip2, and nobody's program makes so many of so little.
     */
    static final int SMALL_MEMBERS_MAX = 2000;

    private static final long MEMBER_CONTENT_MIN = 256;

    private static final String RESAVE =
            "save the state again, or decompress the file with %s -d to see how much of it is readable";

    private final Path file;
    private final Codec codec;
    private final CodedInput in;
    private final ByteFeed feed;
    /** Of xz: a dictionary may be a hundred thousand times as large as the stream that it is for. */
    private final ArrayCache arrays = new BasicArrayCache();

    private @Nullable MemberDecoder member;
    private long decodedSize;
    private long memberCount;
    private boolean begun;
    private boolean ended;
    private long surplus;
    private boolean paddingIsEndless;
    private volatile boolean cancelled;

    /**
     * @param feed the compressed data; closed with this
     * @param offset where in the file it begins, in bytes
     * @param file the dump, for messages
     */
    public DecodedBytes(Codec codec, ByteFeed feed, long offset, Path file) {
        this.codec = codec;
        this.feed = feed;
        this.file = file;
        in = new CodedInput(feed, offset);
    }

    /** Fails also if decoding needs more memory than it may, or the data is cut into crumbs. */
    @Override
    public int read(ByteBuffer target) throws StateferryException {
        int start = target.position();
        try {
            while (target.hasRemaining() && !ended) {
                if (cancelled) { // there may be any number of members without content
                    throw StateferryException.in(FailureKind.INTERRUPTED, file, "reading the dump was ended");
                }
                if (member == null && isCrumbs(decodedSize + target.position() - start)) {
                    throw unfit("it is made of more than " + SMALL_MEMBERS_MAX + " parts, each of less than "
                            + MEMBER_CONTENT_MIN + " bytes on average");
                }
                MemberDecoder open = member == null ? nextMember() : member;
                if (open != null && open.decode(target) < 0) {
                    open.close();
                    member = null;
                }
            }
        } catch (StateferryException e) {
            throw e;
        } catch (MemoryLimitException e) {
            throw unfit("decoding it needs " + e.getMemoryNeeded() / 1024 + " MiB of memory; more than "
                            + XZ_MEMORY_MAX_KIB / 1024 + " MiB are not used")
                    .causedBy(e);
        } catch (UnsupportedOptionsException e) {
            throw unfit("it uses something that is not supported: " + e.getMessage())
                    .causedBy(e);
        } catch (EOFException e) {
            throw damaged(in.offset(), decodedSize + target.position() - start, "the compressed data is cut off")
                    .causedBy(e);
        } catch (IOException | RuntimeException e) {
            // Libraries meet damaged data with all kinds of exceptions.
            long offset = e instanceof BlockDecoder.DamagedBlockException block ? block.offset() : in.offset();
            throw damaged(
                            offset,
                            decodedSize + target.position() - start,
                            "the compressed data is damaged: " + e.getMessage())
                    .causedBy(e);
        } finally {
            decodedSize += target.position() - start;
        }
        return target.position() - start;
    }

    private boolean isCrumbs(long contentSize) {
        return memberCount > SMALL_MEMBERS_MAX && contentSize < memberCount * MEMBER_CONTENT_MIN;
    }

    /** The next member, or null at the end or where a frame without content was passed. */
    private @Nullable MemberDecoder nextMember() throws IOException {
        if (begun) {
            passPadding();
            if (paddingIsEndless) {
                ended = true;
                return null;
            }
        }
        begun = true;
        if (codec.isAt(in.peek(Codec.MAGIC_SIZE_MAX))) {
            memberCount++;
            member = open();
            return member;
        }
        long skipped = codec.hasSkippableFrames() ? Codec.skippableSize(in.peek(Codec.SKIPPABLE_HEAD_SIZE)) : 0;
        in.skipNBytes(skipped);
        ended = skipped == 0;
        return null;
    }

    /** Zeros between members, and behind the last one: some programs write whole blocks. A device may have any number of them. */
    private void passPadding() throws StateferryException {
        for (long passed = 0; passed < PADDING_MAX; ) {
            ByteBuffer ahead = in.ahead();
            int start = ahead.position();
            while (ahead.hasRemaining() && ahead.get(ahead.position()) == 0) {
                ahead.position(ahead.position() + 1);
            }
            if (ahead.hasRemaining() || ahead.position() == start) {
                return;
            }
            passed += ahead.position() - start;
        }
        paddingIsEndless = true;
    }

    private MemberDecoder open() throws IOException {
        return switch (codec) {
            case GZIP ->
                BgzfBlocks.isAt(in.peek(BgzfBlocks.HEAD_SIZE))
                        ? new BlockDecoder(in, new BgzfBlocks(in))
                        : new GzipMember(in);
            case ZSTD -> {
                ZstdLibrary.require();
                // Most data is one frame, and if that is damaged all before the place is wanted.
                int size = memberCount == 1 ? -1 : ZstdFrames.contentSizeAt(in.peek(ZstdFrames.HEAD_SIZE_MAX));
                yield size < 0 ? new ZstdFrame(in) : new BlockDecoder(in, new ZstdFrames(in, size));
            }
            case XZ -> new BlockDecoder(in, new XzBlocks(in, arrays));
            case BZIP2 ->
                Bzip2Blocks.isAt(in)
                        ? new BlockDecoder(in, new Bzip2Blocks(in))
                        : MemberDecoder.of(new BZip2CompressorInputStream(new Unclosed(in), false));
            case LZ4 -> new BlockDecoder(in, new Lz4Frame(in));
            case LZOP -> new BlockDecoder(in, new LzopFile(in));
        };
    }

    /** Keeps a library from closing the input at a member's end. */
    private static final class Unclosed extends FilterInputStream {
        Unclosed(CodedInput in) {
            super(in);
        }

        @Override
        public void close() {
            // More members may follow.
        }
    }

    @Override
    public long surplus(long limit) throws StateferryException {
        while (surplus < limit && !paddingIsEndless && !in.isAtEnd()) {
            ByteBuffer ahead = in.ahead();
            surplus += ahead.remaining();
            ahead.position(ahead.limit());
        }
        return surplus;
    }

    @Override
    public void cancel() {
        cancelled = true;
    }

    private StateferryException unfit(String problem) {
        return StateferryException.at(
                        FailureKind.DUMP_UNFIT,
                        file,
                        in.offset(),
                        "the dump is compressed with " + codec.label() + ": " + problem)
                .advise("Decompress it first (" + codec.label() + (codec == Codec.ZSTD ? " -d --long=31" : " -d")
                        + "), and import the result.");
    }

    private StateferryException damaged(long offset, long decoded, String problem) {
        return StateferryException.at(
                        FailureKind.DUMP_INVALID,
                        file,
                        offset,
                        problem + " (" + codec.label() + ", behind " + decoded + " bytes of the stream)")
                .advise(RESAVE.formatted(codec.label()));
    }

    @Override
    public void close() throws StateferryException {
        try {
            if (member != null) {
                member.close();
                member = null;
            }
        } catch (StateferryException e) {
            throw e;
        } catch (IOException e) {
            throw StateferryException.in(FailureKind.IO, file, "ending the decoder failed: " + e.getMessage())
                    .causedBy(e);
        } finally {
            feed.close();
        }
    }
}
