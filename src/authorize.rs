//! Authorization requests: interaction, consent, response.
