package org.stateferry.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.stateferry.cli.output.Texts;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.CheckReport;
import org.stateferry.qcow2.Qcow2Image;

/**
 * What {@code verify} found, for people and for programs.
 *
 * @param image the image
 * @param check the check of its metadata
 * @param states the vmstates that were read back; none if the metadata is damaged
 * @param share how much of each was read; null if all
 * @param torn whether somebody may have written to the image meanwhile
 */
record VerifyReport(
        Qcow2Image image,
        CheckReport check,
        List<VmStateCheck> states,
        SampleOptions.@Nullable Share share,
        boolean torn) {
    static final String READ_WITHOUT_LOCK = "The image was read without a lock: check it again when nobody uses it.";

    public List<String> lines() {
        List<String> lines = new ArrayList<>();
        lines.add(image.file().path() + ": qcow2 version " + image.header().version() + ", clusters of "
                + Texts.bytes(image.geometry().clusterSize()) + ", "
                + Texts.count(image.snapshotTable().entries().size(), "snapshot"));
        check.corruptions()
                .forEach(corruption -> lines.add("error at byte " + corruption.offset() + ": " + corruption.problem()));
        lines.add(Texts.count(check.corruptionCount(), "error") + ", "
                + Texts.count(check.leakCount(), "leaked cluster"));
        if (check.pastEndCount() > 0) {
            lines.add("refcounts past the end of the file: " + check.pastEndCount()
                    + ", which would be leaks as soon as the file grows");
        }
        for (VmStateCheck state : states) {
            lines.add("snapshot %s '%s': %s bytes of saved state%s %s"
                    .formatted(
                            state.entry().idText(),
                            state.entry().nameText(),
                            amount(state),
                            beyond(state),
                            outcome(state)));
        }
        if (share != null && !states.isEmpty()) {
            lines.add("the rest may be damaged; --seed " + share.seed() + " reads the same pieces again");
        }
        return lines;
    }

    private String amount(VmStateCheck state) {
        long size = state.entry().vmStateSize();
        return share == null
                ? String.valueOf(size)
                : "a sample of " + share.percent() + " %, " + state.bytesRead() + " of " + size;
    }

    private static String beyond(VmStateCheck state) {
        return state.readSize() > state.entry().vmStateSize()
                ? ", and the data beyond them, up to byte " + state.readSize() + ","
                : "";
    }

    private static String outcome(VmStateCheck state) {
        if (state.differs()) {
            return "differ from the dump at byte " + state.firstDifference();
        }
        return state.dump() == null ? "read back" : "equal the dump";
    }

    public Map<String, Object> fields() {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("image", image.file().path().toString());
        fields.put("version", image.header().version());
        fields.put("clusterSize", image.geometry().clusterSize());
        fields.put("virtualSize", image.header().size());
        fields.put("corruptions", check.corruptionCount());
        fields.put("leaks", check.leakCount());
        fields.put("refcountsPastEnd", check.pastEndCount());
        fields.put("corruptionDetails", check.corruptions());
        fields.put("sample", share == null ? null : sampleFields(share));
        fields.put("forceShare", torn);
        fields.put("snapshots", image.snapshotTable().entries().size());
        fields.put("vmStates", states.stream().map(VerifyReport::stateFields).toList());
        return fields;
    }

    private static Map<String, Object> sampleFields(SampleOptions.Share share) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("percent", share.percent());
        fields.put("seed", share.seed());
        return fields;
    }

    private static Map<String, Object> stateFields(VmStateCheck state) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("id", state.entry().idText());
        fields.put("name", state.entry().nameText());
        fields.put("vmStateSize", state.entry().vmStateSize());
        fields.put("bytesRead", state.bytesRead());
        fields.put("against", state.dump() == null ? null : state.dump().toString());
        fields.put("equal", state.dump() == null ? null : !state.differs());
        fields.put("firstDifference", state.differs() ? state.firstDifference() : null);
        return fields;
    }

    /**
     * What is wrong, or null if nothing is; leaks are not.
     *
     * @param against the dump as the operator named it, or null
     */
    public @Nullable StateferryException failure(@Nullable Path against) {
        if (!check.isSound()) {
            return StateferryException.at(
                            FailureKind.VERIFICATION,
                            image.file().path(),
                            check.corruptions().get(0).offset(),
                            check.firstOfAll())
                    .advise(repairAdvice());
        }
        for (VmStateCheck state : states) {
            if (state.differs()) {
                return StateferryException.in(
                                FailureKind.VERIFICATION,
                                image.file().path(),
                                "the state of snapshot \"" + state.entry().nameText()
                                        + "\" differs from the dump at byte " + state.firstDifference())
                        .advise(differenceAdvice(against));
            }
        }
        return null;
    }

    private String repairAdvice() {
        if (torn) {
            return READ_WITHOUT_LOCK;
        }
        return check.nextStep(image);
    }

    private String differenceAdvice(@Nullable Path against) {
        String dump = String.valueOf(against);
        if (torn) {
            return "The image was read without a lock: compare again when nobody uses it.";
        }
        return "If " + dump
                + " is the dump of this snapshot, compare with the --ram-layout and --drop-section that its import"
                + " had; if it differs even so, the copy in the image is damaged: delete it with qemu-img snapshot -d and"
                + " import the dump again. If the dump is a later one, import it under another name.";
    }
}
