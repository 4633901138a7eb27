package org.stateferry.importer;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How an import was abandoned.
 *
 * @param bytesGivenBack by how much its images have become shorter; all of one that the import was making
 * @param remark what was not given back and why, or what else there is to know about the images; null if nothing
 */
public record AbandonOutcome(long bytesGivenBack, @Nullable String remark) {
    /** There was nothing to give back, and there is nothing to say. */
    public static final AbandonOutcome NOTHING_LEFT = new AbandonOutcome(0, null);

    /** What the import appended to the image stays there. */
    public static AbandonOutcome notGivenBack(String reason) {
        return new AbandonOutcome(0, reason + "; what the import appended to it stays");
    }

    /** This, and so many bytes and remarks more. */
    public AbandonOutcome with(long moreBytes, List<String> moreRemarks) {
        return with(new AbandonOutcome(moreBytes, moreRemarks.isEmpty() ? null : String.join("; ", moreRemarks)));
    }

    /** Both together. */
    public AbandonOutcome with(AbandonOutcome other) {
        String both = remark == null || other.remark == null ? null : remark + "; " + other.remark;
        String either = remark == null ? other.remark : remark;
        return new AbandonOutcome(bytesGivenBack + other.bytesGivenBack, both == null ? either : both);
    }
}
