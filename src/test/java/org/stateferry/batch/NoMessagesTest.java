package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.springframework.context.MessageSource;
import org.springframework.context.NoSuchMessageException;
import org.springframework.context.support.DefaultMessageSourceResolvable;

class NoMessagesTest {
    private final MessageSource messages = new NoMessages();

    @Test
    void whoeverBringsATextOfItsOwnGetsIt() {
        assertThat(messages.getMessage("some.code", null, "its own", Locale.ROOT))
                .isEqualTo("its own");
        assertThat(messages.getMessage("some.code", null, null, Locale.ROOT)).isNull();
        assertThat(messages.getMessage(
                        new DefaultMessageSourceResolvable(new String[] {"some.code"}, "its own"), Locale.ROOT))
                .isEqualTo("its own");
    }

    @Test
    void whoeverHasNoneIsToldThatThereIsNoMessage() {
        assertThatThrownBy(() -> messages.getMessage("some.code", null, Locale.ROOT))
                .isInstanceOf(NoSuchMessageException.class)
                .hasMessageContaining("some.code");
        assertThatThrownBy(() -> messages.getMessage(new DefaultMessageSourceResolvable("some.code"), Locale.ROOT))
                .isInstanceOf(NoSuchMessageException.class)
                .hasMessageContaining("some.code");
    }
}
