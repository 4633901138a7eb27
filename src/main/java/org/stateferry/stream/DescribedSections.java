package org.stateferry.stream;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.List;
import org.stateferry.error.StateferryException;

/**
 * Passes the parts of a stream that need its vmdescription: the device sections, which come in the order that it lists
 * them in, and the end of the stream.
 *
 * <p>Not thread-safe.
 */
public final class DescribedSections {
    private static final int TEXT_HEAD_SIZE = 1 + Integer.BYTES;

    private final ElementInput in;
    private final long streamLength;
    private final VmDescription vmDescription;
    private final List<DeviceState> devices;
    /** How many device sections have been passed. */
    private int deviceIndex;

    /**
     * Begins before the first device section.
     *
     * @param in where the stream is read; the walker's too
     */
    public DescribedSections(ElementInput in, VmDescription vmDescription) {
        this.in = in;
        this.vmDescription = vmDescription;
        streamLength = vmDescription.end();
        devices = vmDescription.devices();
    }

    void requirePageSize(int stated) throws StateferryException {
        if (vmDescription.pageSize() != stated) {
            throw in.invalid("target pages of " + stated + " bytes by the configuration, of " + vmDescription.pageSize()
                    + " by the vmdescription");
        }
    }

    /**
     * Passes the head of the next device section, which is at hand, and its payload.
     *
     * @param hasFooter whether a footer follows the payload
     * @return false if the payload was not passed, because only its footer tells for certain where it ends
     */
    boolean passDevice(SectionHead head, boolean hasFooter) throws StateferryException {
        if (deviceIndex == devices.size()) {
            throw in.invalid("device section '" + head.name() + "' is not in the vmdescription");
        }
        DeviceState expected = devices.get(deviceIndex);
        boolean sameVersion =
                expected.versionId() == DeviceState.NO_VERSION || expected.versionId() == head.versionId();
        if (!sameVersion || !expected.name().equals(head.name()) || expected.instanceId() != head.instanceId()) {
            throw in.invalid("found device section " + identity(head.name(), head.instanceId(), head.versionId())
                    + " where the vmdescription lists "
                    + identity(expected.name(), expected.instanceId(), expected.versionId()));
        }
        deviceIndex++;
        if (hasFooter && !expected.exact()) {
            in.advance(head.size());
            return false;
        }
        if (expected.payloadSize() > streamLength - in.offset() - head.size()) {
            throw in.invalid("device section '" + head.name() + "' of " + expected.payloadSize()
                    + " bytes runs past the end of the stream");
        }
        in.advance(head.size());
        in.skip(expected.payloadSize());
        return true;
    }

    private static String identity(String name, long instanceId, long versionId) {
        return "'" + name + "' (instance " + instanceId + ", version " + versionId + ")";
    }

    /** Whether the end mark is at an offset of the stream. */
    boolean endsAt(long offset) {
        return offset == vmDescription.recordOffset() - 1;
    }

    /**
     * Passes the end mark, which must be the last byte before the vmdescription.
     *
     * @return false if more bytes are needed
     */
    boolean passEof() throws StateferryException {
        if (!endsAt(in.offset())) {
            if (!in.has(1 + TEXT_HEAD_SIZE)) {
                return false;
            }
            boolean described = in.peekU8(1) == SectionType.VMDESCRIPTION.code();
            long end = in.offset() + 1 + (described ? TEXT_HEAD_SIZE + in.peekU32(2) : 0);
            throw in.invalid("the stream ends here, but the vmdescription that the file ends with is not its own")
                    .advise(
                            "an older and longer state was there before: copy the new one to a file of its own, which are"
                                    + " the first " + end + " bytes");
        }
        if (deviceIndex < devices.size()) {
            throw in.invalid("the stream ends without device section '"
                    + devices.get(deviceIndex).name() + "' of the vmdescription");
        }
        in.advance(1);
        return true;
    }

    /** Passes the vmdescription; false if more bytes are needed. */
    boolean passText() throws StateferryException {
        if (!in.has(TEXT_HEAD_SIZE)) {
            return false;
        }
        if (in.peekU8(0) != SectionType.VMDESCRIPTION.code()
                || in.peekU32(1) != vmDescription.extent().length()) {
            throw in.invalid("the vmdescription changed since the dump was opened");
        }
        in.advance(TEXT_HEAD_SIZE);
        in.skip(vmDescription.extent().length());
        return true;
    }

    void save(DataOutputStream out) throws IOException {
        out.writeInt(deviceIndex);
    }

    void restore(DataInputStream saved) throws IOException {
        deviceIndex = saved.readInt();
    }
}
