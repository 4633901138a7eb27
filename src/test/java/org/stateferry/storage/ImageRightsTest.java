package org.stateferry.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.host.FileStatus;
import org.stateferry.host.FileStatus.Type;

class ImageRightsTest {
    private static final int GROUP = 100;
    private static final int ANOTHER = 101;

    private static FileStatus dump(Type type, String mode) {
        return dump(type, mode, false);
    }

    private static FileStatus dump(Type type, String mode, boolean hasAcl) {
        return new FileStatus("key", type, 1, Instant.EPOCH, Integer.parseInt(mode, 8), 1000, GROUP, 1, hasAcl);
    }

    @ParameterizedTest
    @CsvSource({
        // dump, umask, image of the same group, image of another group
        "600, 000, 600, 600",
        "400, 022, 600, 600",
        "644, 022, 644, 644",
        "644, 077, 600, 600",
        "640, 000, 640, 600",
        "660, 002, 660, 600",
        "660, 022, 640, 600",
        "664, 000, 664, 644",
        "666, 000, 666, 666",
        "666, 022, 644, 644",
        "604, 000, 600, 600",
        "606, 000, 600, 600",
        "7777, 000, 666, 666",
        "000, 000, 600, 600"
    })
    void nobodyMayDoMoreThanWithTheDump(String dump, String umask, String sameGroup, String otherGroup) {
        int mask = Integer.parseInt(umask, 8);
        FileStatus status = dump(Type.REGULAR, dump);

        assertThat(ImageRights.modeFor(status, GROUP, mask)).isEqualTo(Integer.parseInt(sameGroup, 8));
        assertThat(ImageRights.modeFor(status, ANOTHER, mask)).isEqualTo(Integer.parseInt(otherGroup, 8));
    }

    @Test
    void anImageOfADeviceIsItsOwnersAlone() {
        assertThat(ImageRights.modeFor(dump(Type.BLOCK_DEVICE, "666"), GROUP, 0))
                .isEqualTo(0600);
    }

    /** With a list, the bits of the group are those of whoever the list grants most. */
    @ParameterizedTest
    @ValueSource(strings = {"660", "640", "664", "600"})
    void whatAListOfWhoMayDoWhatGrantsIsNotGrantedToTheGroup(String mode) {
        assertThat(ImageRights.modeFor(dump(Type.REGULAR, mode, true), GROUP, 0))
                .isEqualTo(0600);
    }

    @Test
    void whatWasAskedForIsGiven() {
        FileStatus secret = dump(Type.REGULAR, "600");

        assertThat(new ImageRights(ImageRights.parseMode("0664"), null).modeFor(secret, ANOTHER))
                .isEqualTo(0664);
        assertThat(ImageRights.parseMode("600")).isEqualTo(0600);
        assertThat(ImageRights.parseOwner("root")).isEqualTo("root");
        assertThat(ImageRights.parseOwner("0:0")).isEqualTo("0:0");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "u=rw", "0o640", "64", "00640", "648", "-600", "0750", "4600", "0060", "0444", "000"})
    void anotherModeIsNone(String text) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ImageRights.parseMode(text))
                .withMessageMatching("'.*' is not a mode of three octal digits, such as 0640"
                        + "|a mode of [0-7]{3} is not one for an image, .*");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", ":", ":0", "root:", "no such user", "root:no such group", "root:root:root"})
    void anOwnerIsAUserThatThereIs(String text) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ImageRights.parseOwner(text))
                .withMessageMatching("'.*' is neither USER nor USER:GROUP|there is no user or group '.*'");
    }
}
